import Audio
import Checkpoints
import F5TTS

extension SpeechService {
    func addSpeech(to router: inout Router) {
        // Base64 makes a recording a third larger; the text beside it is small.
        let bodyLimit = options.uploadLimit / 3 * 4 + (64 << 10)
        router.add("POST", "/v1/audio/speech", bodyLimit: bodyLimit) { request in
            guard request.mediaType == nil || request.mediaType == "application/json" else {
                throw SpeechError(
                    .unsupportedMedia, "Send JSON: Content-Type application/json.")
            }
            let speech = try SpeechRequest(openAI: request.body, defaults: options.defaults)
            if case .ofModel = speech.voice {} else { try checkModel(speech.model) }
            return try answer(speech, to: request)
        }
    }

    /// Queues the utterance and answers as soon as there is something to hear.
    private func answer(_ speech: SpeechRequest, to request: Request) throws -> Response {
        let pipe = BytePipe(budget: audioInMemory)
        let job = SpeechJob(
            text: speech.text, isStreamed: speech.isStreamed, encoder: try encoder(speech),
            framing: speech.framing, pipe: pipe, logger: request.logger)
        try engine.submit(job, voice: try reference(speech), options: speech.options)
        var headers: Headers = [
            "X-Skald-Seed": String(speech.options.seed),
            "X-Skald-Sample-Rate": String(speech.sampleRate),
            "X-Skald-Latency": speech.options.latency.rawValue, "Cache-Control": "no-store",
        ]
        return try request.client.waiting(onHangUp: { pipe.cancel() }) {
            switch speech.delivery {
            case .stream(.audio): headers.append("Content-Type", speech.format.contentType)
            case .stream(.events): headers.append("Content-Type", "text/event-stream")
            case .whole:
                headers.append("Content-Type", speech.format.contentType)
                let size = try pipe.waitForEnd()
                return Response(headers: headers, body: .whole(pipe, size: size))
            }
            try pipe.waitForFirstBytes()
            return Response(headers: headers, body: .stream(pipe))
        }
    }

    private func encoder(_ speech: SpeechRequest) throws(SpeechError) -> SpeechEncoder {
        do throws(AudioError) {
            return try SpeechEncoder(
                format: speech.format, sampleRate: speech.sampleRate, streaming: speech.isStreamed)
        } catch {
            throw error.code == .sampleRate
                ? SpeechError(.invalidRequest, error.message, parameter: "sample_rate")
                : SpeechError(.internalFailure, error.message)
        }
    }

    private func reference(_ speech: SpeechRequest) throws -> ReferenceVoice {
        switch speech.voice {
        case .named(let name): return try reference(voices.voice(name), speech.weights)
        case .ofModel:
            guard let name = AdaptedModelName(speech.model) else { throw Self.noAdaptedModel }
            return try reference(adaptation.get().audition(name), speech.weights)
        case .recording(let bytes, let text):
            guard bytes.count <= options.uploadLimit else {
                throw SpeechError(
                    .tooLarge,
                    "The recording has more than \(options.uploadLimit) bytes: 3 to 12 seconds are "
                        + "enough.", parameter: "ref_audio")
            }
            guard speech.weights == .auto else {
                throw SpeechError(
                    .invalidRequest,
                    "weights are those of an adapted voice: leave them out with ref_audio.",
                    parameter: "weights")
            }
            return try decoding.pass { () throws(SpeechError) in
                do throws(AudioError) {
                    let audio = try ReferenceAudio.prepare(AudioFile.read(bytes: bytes))
                    return ReferenceVoice(audio: audio, text: text)
                } catch {
                    let refusal = SpeechError(voiceAudio: error)
                    throw SpeechError(refusal.code, refusal.message, parameter: "ref_audio")
                }
            }
        }
    }
}

extension SpeechService {
    private func reference(
        _ voice: StoredVoice, _ weights: WeightSource
    ) throws(SpeechError) -> ReferenceVoice {
        if let known = try voices.preparedReference(voice, weights: weights) { return known }
        return try decoding.pass { () throws(SpeechError) in
            try voices.reference(voice, weights: weights)
        }
    }

    static let noAdaptedModel = SpeechError(
        .modelNotFound,
        "There is no such adapted model: see fine_tuned_model of the jobs that succeeded.",
        parameter: "model")
}

extension SpeechRequest {
    fileprivate var framing: StreamFraming {
        if case .stream(let framing) = delivery { framing } else { .audio }
    }

    fileprivate var isStreamed: Bool {
        if case .stream = delivery { true } else { false }
    }
}
