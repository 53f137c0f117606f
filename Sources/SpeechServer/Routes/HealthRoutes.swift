extension SpeechService {
    /// Whether the process lives, and whether a request would be taken: 200, else 503 in llama.cpp's
    /// shape. The other names are those that Kubernetes' examples and KServe ask for.
    func addHealth(to router: inout Router) {
        router.add("GET", "/health", access: .open) { _ in health() }
        for path in ["/livez", "/health/live", "/v2/health/live"] {
            router.add("GET", path, access: .open) { _ in .json(["status": "ok"]) }
        }
        for path in ["/readyz", "/health/ready", "/v2/health/ready"] {
            router.add("GET", path, access: .open) { _ in
                engine.phase == .ready && engine.isFull
                    ? unavailable("Queue full") : health()
            }
        }
    }

    private func health() -> Response {
        switch engine.phase {
        case .ready: .json(["status": "ok"])
        case .loading: unavailable("Loading model")
        case .draining, .stopped: unavailable("Shutting down")
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
