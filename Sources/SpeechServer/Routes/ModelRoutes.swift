import F5TTS

extension SpeechService {
    /// Names of OpenAI's models, which clients send without asking; they mean the one there is.
    static let modelAliases = ["tts-1", "tts-1-hd", "gpt-4o-mini-tts"]

    func addModels(to router: inout Router) {
        router.add("GET", "/v1/models", access: .list) { _ in modelList() }
        router.add("GET", "/v1/audio/models", access: .list) { _ in modelList() }
        router.add("GET", "/v1/models/:id", access: .list) { request in
            let id = request.parameter("id")
            if let name = AdaptedModelName(id) {
                return .json(modelDescription(id, created: try created(name)))
            }
            try checkModel(id)
            return .json(modelDescription(id, created: options.modelCreated))
        }
    }

    /// - Throws: `modelNotFound` for a name that this server does not answer to.
    func checkModel(_ name: String) throws(SpeechError) {
        let known = [options.model] + Self.modelAliases
        guard known.contains(where: { $0.utf8.elementsEqual(name.utf8) }) else {
            throw SpeechError(
                .modelNotFound,
                "There is no such model here: ask for \"\(options.model)\", or see /v1/models.",
                parameter: "model")
        }
    }

    /// `models` is the key that Open WebUI reads, `data` everybody else's.
    private func modelList() -> Response {
        let names = [options.model] + Self.modelAliases
        let models = JSONValue.array(
            names.map { modelDescription($0, created: options.modelCreated) })
        return .json(["object": "list", "data": models, "models": models])
    }

    /// When what a job has learnt was there, seconds since 1970; throws `modelNotFound` for a name that no
    /// request for speech may give.
    private func created(_ name: AdaptedModelName) throws -> Int {
        let store = try adaptation.get().store
        guard let job = try store.job(name.job), job.status.hasResult(step: name.step),
            AdaptedModelName(job, step: name.step) == name
        else { throw Self.noAdaptedModel }
        guard let step = name.step else { return job.finishedAt ?? job.createdAt }
        let checkpoints = try store.checkpoints(of: job.id, ListPage(limit: 10_000))
        guard let checkpoint = checkpoints.first(where: { $0.step == step }) else {
            throw Self.noAdaptedModel
        }
        return checkpoint.createdAt
    }

    private func modelDescription(_ name: String, created: Int) -> JSONValue {
        [
            "id": .string(name), "object": "model", "created": .number(Double(created)),
            "owned_by": "skald",
        ]
    }
}
