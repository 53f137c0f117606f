extension SpeechService {
    /// 200 when a request would be taken, else 503 in llama.cpp's shape.
    func addHealth(to router: inout Router) {
        router.add("GET", "/health", access: .open) { _ in
            switch engine.phase {
            case .ready: return .json(["status": "ok"])
            case .loading: return unavailable("Loading model")
            case .draining, .stopped: return unavailable("Shutting down")
            }
        }
    }

    private func unavailable(_ message: String) -> Response {
        .json(
            [
                "error": [
                    "code": 503, "message": .string(message), "type": "unavailable_error",
                ]
            ], status: 503, headers: ["Retry-After": "5"])
    }
}
