/// An answer: status, header fields, and a body that is ready or still being made.
package struct Response: Sendable {
    /// What follows the header.
    package enum Body: Sendable {
        case bytes([UInt8])
        /// Sent in chunks as the bytes come; aborted, without the last chunk, if the pipe fails.
        case stream(BytePipe)
        /// What waits in a pipe that is finished, with its size in bytes.
        case whole(BytePipe, size: Int)
        /// The bytes of a file.
        case file(OpenedFile)
    }

    /// The HTTP status.
    package var status: Int
    /// Its header fields, without those that every answer carries.
    package var headers: Headers
    package var body: Body

    package init(_ status: Int = 200, headers: Headers = [:], body: Body = .bytes([])) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    /// A JSON value with its content type.
    package static func json(_ value: JSONValue, status: Int = 200, headers: Headers = [:])
        -> Response
    {
        var headers = headers
        headers.append("Content-Type", "application/json")
        return Response(status, headers: headers, body: .bytes(value.bytes))
    }
}
