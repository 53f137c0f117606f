import F5TTS

extension SpeechService {
    /// Names of OpenAI's models, which clients send without asking; they mean the one there is.
    static let modelAliases = ["tts-1", "tts-1-hd", "gpt-4o-mini-tts"]

    func addModels(to router: inout Router) {
        router.add("GET", "/v1/models", access: .list) { _ in modelList() }
        router.add("GET", "/v1/audio/models", access: .list) { _ in modelList() }
        router.add("GET", "/v1/models/:id", access: .list) { request in
            let id = request.parameter("id")
            try checkModel(id)
            return .json(modelDescription(id))
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
        let models = JSONValue.array(names.map(modelDescription))
        return .json(["object": "list", "data": models, "models": models])
    }

    private func modelDescription(_ name: String) -> JSONValue {
        [
            "id": .string(name), "object": "model",
            "created": .number(Double(options.modelCreated)), "owned_by": "skald",
        ]
    }
}
