import Logging

/// A request whose header and body are wholly here.
package struct Request: Sendable {
    /// Names the request in the log and in `x-request-id`.
    package let id: String
    package let method: String
    package let target: RequestTarget
    package let headers: Headers
    /// What the route's `:name` components stood for.
    package let parameters: [String: String]
    package let body: [UInt8]
    /// The form of a route that takes uploads, whole; there `body` is empty.
    package let upload: FormUpload?
    /// The connection it came on, to learn that the client has left.
    package let client: ClientConnection
    package let logger: Logger

    /// The media type of the body, lower case, without parameters; nil when none is given.
    package var mediaType: String? {
        guard let value = headers["content-type"] else { return nil }
        let type = value.prefix { $0 != ";" }
        return type.filter { $0 != " " && $0 != "\t" }.lowercased()
    }
}
