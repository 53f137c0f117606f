import F5TTS

/// A refusal in OpenAI's shape, and the one place where a `SpeechError` becomes an HTTP status.
package struct ErrorResponse: Error, Sendable, CustomStringConvertible {
    package let status: Int
    package let message: String
    package let type: String
    package let code: String?
    package let parameter: String?
    package var headers: Headers

    package init(
        _ status: Int, _ message: String, type: String = "invalid_request_error",
        code: String? = nil, parameter: String? = nil, headers: Headers = [:]
    ) {
        self.status = status
        self.message = message
        self.type = type
        self.code = code
        self.parameter = parameter
        self.headers = headers
    }

    package init(_ error: SpeechError) {
        let status: Int
        var type = "invalid_request_error"
        var code: String?
        var message = error.message
        switch error.code {
        case .invalidRequest: status = 400
        case .modelNotFound: (status, code) = (404, "model_not_found")
        case .voiceNotFound: (status, code) = (404, "voice_not_found")
        case .notFound: (status, code) = (404, "not_found")
        case .tooLarge: status = 413
        case .unsupportedMedia: status = 415
        case .busy: (status, type, code) = (429, "rate_limit_error", "rate_limit_exceeded")
        case .unavailable: (status, type) = (503, "unavailable_error")
        case .cancelled: (status, type) = (503, "unavailable_error")
        case .internalFailure: (status, type, message) = (500, "server_error", Self.failed)
        }
        var headers = Headers()
        // What a stopping server cuts off, the next one can do.
        let restart = error.code == .cancelled ? 10 : nil
        if let seconds = error.retryAfterSeconds ?? restart {
            headers.append("Retry-After", String(max(1, seconds)))
        }
        self.init(
            status, message, type: type, code: code, parameter: error.parameter, headers: headers)
    }

    /// Any failure; one that was not meant for clients is told in general words only, because its
    /// text may hold a path.
    package init(_ error: any Error) {
        switch error {
        case let error as ErrorResponse: self = error
        case let error as SpeechError: self.init(error)
        case is CancellationError:
            self.init(SpeechError(.cancelled, "The request was cancelled; send it again."))
        default:
            if let error = SpeechError(ofTraining: error) {
                self.init(error)
            } else {
                self.init(500, Self.failed, type: "server_error")
            }
        }
    }

    private static let failed =
        "The server failed to do this; its log says why, under the x-request-id of this answer."

    /// The error's four fields, all always there.
    package var json: JSONValue {
        [
            "message": .string(message), "type": .string(type),
            "param": parameter.map(JSONValue.string) ?? .null,
            "code": code.map(JSONValue.string) ?? .null,
        ]
    }

    package var response: Response {
        .json(["error": json], status: status, headers: headers)
    }

    package var description: String { "\(status): \(message)" }
}
