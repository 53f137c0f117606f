import Checkpoints
import F5TTS
import Foundation
import Logging

extension SpeechService {
    func addJobs(to router: inout Router) {
        let path = "/v1/fine_tuning/jobs"
        router.add("POST", path, bodyLimit: 256 << 10) { request in
            .json(try create(request).json)
        }
        router.add("GET", path) { request in
            let list = try ListRequest(request, defaultLimit: 20, limits: 1...100)
            return list.response(
                try adaptation.get().store.jobs(list.page), id: \.id, \.json)
        }
        router.add("GET", "\(path)/:id") { request in .json(try job(request).json) }
        router.add("DELETE", "\(path)/:id") { request in
            let id = request.parameter("id")
            try adaptation.get().remove(id)
            request.logger.info("job deleted", metadata: ["job": "\(id)"])
            return .json([
                "id": .string(id), "object": "fine_tuning.job.deleted", "deleted": true,
            ])
        }
        for (verb, act) in Self.actions {
            router.add("POST", "\(path)/:id/\(verb)", bodyLimit: 4 << 10) { request in
                let changed = try act(adaptation.get().queue)(request.parameter("id"))
                request.logger.info("job \(verb)", metadata: ["job": "\(changed.id)"])
                return .json(changed.json)
            }
        }
        router.add("GET", "\(path)/:id/events") { request in try events(request) }
        router.add("GET", "\(path)/:id/checkpoints") { request in
            let job = try job(request)
            let list = try ListRequest(request, defaultLimit: 10, limits: 1...100)
            return list.response(
                try adaptation.get().store.checkpoints(of: job.id, list.page), id: \.id
            ) { $0.json(job) }
        }
        router.add("POST", "\(path)/:id/publish", bodyLimit: 4 << 10) { request in
            try publish(request)
        }
    }

    private static let actions: [(String, @Sendable (JobQueue) -> (String) throws -> JobRecord)] = [
        ("cancel", { $0.cancel }), ("pause", { $0.pause }), ("resume", { $0.resume }),
    ]

    private func job(_ request: Request) throws -> JobRecord {
        guard let job = try adaptation.get().store.job(request.parameter("id")) else {
            throw JobQueue.notFound
        }
        return job
    }

    private func create(_ request: Request) throws -> JobRecord {
        let service = try adaptation.get()
        let asked = try FineTuningRequest(request.body)
        try checkModel(asked.model)
        if let suffix = asked.suffix, asked.publication == .auto {
            try service.voices.checkPublishable(suffix, parameter: "suffix")
        }
        let job = JobRecord(
            id: JobRecord.prefix + StagingFolder.randomName(), model: options.model,
            createdAt: Int(Date().timeIntervalSince1970), trainingFile: asked.trainingFile,
            validationFile: asked.validationFile, suffix: asked.suffix, seed: asked.seed,
            hyperparameters: asked.hyperparameters, publication: asked.publication,
            metadata: asked.metadata)
        try service.store.add(job, limit: service.limits.jobs)
        request.logger.info("job added", metadata: ["job": "\(job.id)"])
        service.queue.wake()
        return job
    }

    private func events(_ request: Request) throws -> Response {
        let job = try job(request)
        guard request.target.value("stream") == "true" else {
            let list = try ListRequest(request, defaultLimit: 20, limits: 1...1000)
            return list.response(
                try adaptation.get().store.events(of: job.id, list.page), id: \.id, \.json)
        }
        let after = request.headers["last-event-id"] ?? request.target.value("after")
        let pipe = try adaptation.get().feed.stream(of: job.id, after: after)
        return Response(
            headers: ["Content-Type": "text/event-stream", "Cache-Control": "no-store"],
            body: .stream(pipe))
    }

    private func publish(_ request: Request) throws -> Response {
        let job = try job(request)
        let fields = try Fields(request.body)
        let voice = try fields.required("voice")
        let weights = try fields.choice("weights", of: WeightSource.self) ?? .auto
        let step = try step(fields, of: job)
        guard job.status.hasResult(step: step) else {
            throw SpeechError(
                .invalidRequest,
                "Only a job that has succeeded can be published, or a checkpoint of one that failed; "
                    + "this one is \(job.status.rawValue).")
        }
        let service = try adaptation.get()
        let stored = try service.publish(job, as: voice, step: step, weights: weights)
        request.logger.info(
            "voice published", metadata: ["job": "\(job.id)", "voice": "\(stored.label)"])
        return .json(description(stored))
    }

    /// The checkpoint asked for: its id, its model name, or its number of updates.
    private func step(_ fields: Fields, of job: JobRecord) throws -> Int? {
        guard let value = fields["checkpoint"] else { return nil }
        let all = try adaptation.get().store.checkpoints(of: job.id, ListPage(limit: 10_000))
        let found = all.first { checkpoint in
            switch value {
            case .string(let text):
                text == checkpoint.id || text == AdaptedModelName(job, step: checkpoint.step).text
            case .number(let number): number == Double(checkpoint.step)
            default: false
            }
        }
        guard let found else {
            throw SpeechError(
                .invalidRequest,
                "The job has no such checkpoint: list them at "
                    + "/v1/fine_tuning/jobs/\(job.id)/checkpoints.", parameter: "checkpoint")
        }
        return found.step
    }
}
