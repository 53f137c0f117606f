import Logging

/// One request and its answer, from the request line to the last byte. It lives on its connection's
/// thread; the transport feeds it and sends what it answers.
final class Exchange {
    /// What the transport should do next.
    enum Step {
        case receiveMore
        case send(Response)
        /// Answer now although the client is still sending; the connection cannot be used again.
        case sendAndClose(Response)
        case drop
    }

    let client: ClientConnection
    private let service: HTTPService
    private let limits: HTTPLimits
    private let bodies: ByteBudget
    private let rawTarget: String
    private var logger: Logger
    private let began = ContinuousClock.now

    private(set) var id = Exchange.freshID()
    private var method = ""
    private var target: RequestTarget?
    private var headers = Headers()
    private var match: (route: Route, parameters: [String: String])?
    /// What was decided from the header alone.
    private var decided: Response?
    private var body: [UInt8] = []
    private var reserved = 0
    /// Takes the body in place of `body`, where the route wants it so.
    private var upload: FormUpload?
    private var received = 0
    /// Why the body is being dropped, and how much more of it is read before the client is cut off.
    private var refusal: (error: ErrorResponse, patience: Int)?

    private(set) var hasHeader = false
    private(set) var isAnswered = false
    /// The handler was called.
    private(set) var hasStarted = false
    /// The answer went out before the body was in: let the client read it before closing.
    private(set) var closesEarly = false
    private var status = 0
    /// Nobody was there any more to get an answer.
    private var wasCancelled = false
    var bytesSent = 0
    var wasBroken = false

    init(
        target: String, client: ClientConnection, service: HTTPService, limits: HTTPLimits,
        bodies: ByteBudget, logger: Logger
    ) {
        self.rawTarget = target
        self.client = client
        self.service = service
        self.limits = limits
        self.bodies = bodies
        self.logger = logger
    }

    deinit {
        bodies.release(reserved)
    }

    /// The header is here.
    func begin(method: String, headers: Headers) -> Step {
        hasHeader = true
        self.method = method
        self.headers = headers
        if let given = headers["x-request-id"], Self.isUsableID(given) { id = given }
        logger[metadataKey: "request.id"] = "\(id)"
        client.expect(within: limits.bodySeconds)
        do throws(ErrorResponse) {
            let target = try RequestTarget(rawTarget)
            self.target = target
            switch try service.admit(method, target, headers) {
            case .answer(let response): return answerEarly(response)
            case .route(let route, let parameters): match = (route, parameters)
            }
            try checkDeclaredLength()
            try beginUpload()
        } catch {
            return answerEarly(error.response)
        }
        return .receiveMore
    }

    /// Without a body the answer waits for the request's end, one call later: libmicrohttpd closes
    /// the connection after an answer that comes before.
    private func answerEarly(_ response: Response) -> Step {
        if hasBody { return refuse(response) }
        decided = response
        return .receiveMore
    }

    private var hasBody: Bool {
        headers["transfer-encoding"] != nil || (headers["content-length"] ?? "0") != "0"
    }

    private var bodyLimit: Int { match?.route.bodyLimit ?? 0 }

    private func checkDeclaredLength() throws(ErrorResponse) {
        guard let text = headers["content-length"] else { return }
        guard let length = Int(text), length >= 0 else {
            throw ErrorResponse(400, "Content-Length must be a number of bytes.")
        }
        guard length <= bodyLimit else { throw tooLarge }
    }

    private func beginUpload() throws(ErrorResponse) {
        do {
            upload = try match?.route.upload?(headers)
        } catch {
            throw failed(error)
        }
    }

    private var tooLarge: ErrorResponse {
        ErrorResponse(
            413, "The request body is larger than the \(bodyLimit) bytes accepted here.",
            code: "request_too_large")
    }

    /// More of the body.
    func receive(_ bytes: UnsafeRawBufferPointer) -> Step {
        if let (error, patience) = refusal {
            refusal = (error, patience - bytes.count)
            return patience < 0 ? .drop : .receiveMore
        }
        if bytes.count > bodyLimit - received {
            giveUp(tooLarge)
        } else if let upload {
            do {
                try upload.receive(bytes)
            } catch {
                giveUp(failed(error))
            }
            extendDeadline(by: bytes.count)
        } else if !bodies.reserve(bytes.count) {
            giveUp(
                ErrorResponse(
                    503, "The server is receiving too many uploads at once; try again.",
                    type: "unavailable_error", headers: ["Retry-After": "5"]))
        } else {
            reserved += bytes.count
            body.append(contentsOf: bytes)
        }
        received += bytes.count
        return .receiveMore
    }

    /// A long upload takes its time; each mebibyte of it has as long as a whole body otherwise.
    private func extendDeadline(by count: Int) {
        guard (received + count) >> 20 > received >> 20 else { return }
        client.expect(within: limits.bodySeconds)
    }

    /// HTTP has no way to answer in the middle of a chunked body, so a little more is read and
    /// dropped, in the hope of its end.
    private func giveUp(_ error: ErrorResponse) {
        releaseBody()
        refusal = (error, bodyLimit)
    }

    private func releaseBody() {
        body = []
        upload = nil
        bodies.release(reserved)
        reserved = 0
    }

    /// The body is whole: makes the answer, which may take long.
    func complete() -> Step {
        hasStarted = true
        client.expect(within: nil)
        if let decided { return answer(decided) }
        if let refusal { return answer(refusal.error.response) }
        guard let match, let target else {
            return answer(ErrorResponse(400, "This is not a request.").response)
        }
        let request = Request(
            id: id, method: method, target: target, headers: headers,
            parameters: match.parameters, body: body, upload: upload, client: client,
            logger: logger)
        body = []
        // The handler is the last to hold the body.
        defer { releaseBody() }
        do {
            try upload?.finish()
            return answer(try match.route.handler(request))
        } catch {
            return answer(failed(error).response)
        }
    }

    private func failed(_ error: any Error) -> ErrorResponse {
        let refusal = ErrorResponse(error)
        wasCancelled = error is CancellationError
        if refusal.status == 500 {
            logger.error("request failed", metadata: ["error": "\(error)"])
        }
        return refusal
    }

    private func answer(_ response: Response) -> Step {
        isAnswered = true
        status = response.status
        client.expect(within: limits.sendSeconds)
        return .send(service.finished(response, id: id))
    }

    private func refuse(_ response: Response) -> Step {
        var response = response
        response.headers.append("Connection", "close")
        closesEarly = true
        guard case .send(let finished) = answer(response) else { return .drop }
        return .sendAndClose(finished)
    }

    /// The exchange is over, well or badly. What routes do they log themselves, so that here only
    /// refusals and failures are worth a line that everybody sees.
    func end() {
        client.expect(within: limits.headerSeconds)
        guard hasHeader else { return }
        let path = target.map { "/" + $0.path.joined(separator: "/") } ?? "?"
        let seconds = (ContinuousClock.now - began) / .seconds(1)
        logger.log(
            level: status >= 400 && !wasCancelled ? .info : .debug, "request",
            metadata: [
                "method": "\(method)", "path": "\(path.prefix(200))", "status": "\(status)",
                "bytes": "\(bytesSent)", "seconds": "\(seconds.rounded(toPlaces: 3))",
                "complete": "\(isAnswered && !wasBroken)",
            ])
    }

    private static func freshID() -> String {
        let number = UInt64.random(in: .min ... .max)
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    /// Clients may name their requests, in characters that are harmless in a log and in a header.
    private static func isUsableID(_ text: String) -> Bool {
        (1...64).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F: true
                default: false
                }
            }
    }
}
