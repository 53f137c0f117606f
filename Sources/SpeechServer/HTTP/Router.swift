/// Who may call a route when the server has a key.
package enum Access: Sendable {
    /// Everybody.
    case open
    /// Everybody, unless the operator closes the lists.
    case list
    /// Whoever has the key.
    case key
}

/// What the server does for one method on one path.
package struct Route: Sendable {
    package let method: String
    /// Path components; one that begins with `:` matches any and names it.
    package let pattern: [String]
    package let access: Access
    /// Bytes of body accepted; 0 for none.
    package let bodyLimit: Int
    /// Begins to take a body that does not fit into memory; nil where it does.
    package let upload: (@Sendable (Headers) throws -> FormUpload)?
    package let handler: @Sendable (Request) throws -> Response
}

/// Finds the route of a request among a few dozen.
package struct Router: Sendable {
    private var routes: [Route] = []

    package init() {}

    /// Adds a route; of two that fit a path the first one counts.
    ///
    /// - Parameters:
    ///   - method: such as `GET`, which also answers `HEAD`.
    ///   - path: whose components that begin with `:` match any and name it.
    ///   - access: who may call it.
    ///   - bodyLimit: bytes of body accepted; 0 for none.
    ///   - upload: begins to take a body that does not fit into memory; nil where it does.
    ///   - handler: answers, on the connection's thread; what it throws becomes an `ErrorResponse`.
    package mutating func add(
        _ method: String, _ path: String, access: Access = .key, bodyLimit: Int = 0,
        upload: (@Sendable (Headers) throws -> FormUpload)? = nil,
        handler: @escaping @Sendable (Request) throws -> Response
    ) {
        let pattern = path.split(separator: "/").map(String.init)
        routes.append(
            Route(
                method: method, pattern: pattern, access: access, bodyLimit: bodyLimit,
                upload: upload, handler: handler))
    }

    /// The route, and what its `:name` components stand for. `HEAD` goes where `GET` goes.
    /// - Throws: 404 for an unknown path; 405, naming what is allowed, for an unknown method.
    package func match(
        _ method: String, _ path: [String]
    ) throws(ErrorResponse) -> (route: Route, parameters: [String: String]) {
        let wanted = method == "HEAD" ? "GET" : method
        let here = routes.filter { Self.parameters($0.pattern, path) != nil }
        guard !here.isEmpty else {
            throw ErrorResponse(404, "There is nothing at this path.", code: "not_found")
        }
        guard let route = here.first(where: { $0.method == wanted }) else {
            throw ErrorResponse(
                405, "This path does not take \(Self.printable(method)).",
                code: "method_not_allowed", headers: ["Allow": Self.allowed(here)])
        }
        return (route, Self.parameters(route.pattern, path) ?? [:])
    }

    /// The methods of a path, for preflight requests; empty if it is unknown.
    package func methods(of path: [String]) -> String {
        Self.allowed(routes.filter { Self.parameters($0.pattern, path) != nil })
    }

    private static func allowed(_ routes: [Route]) -> String {
        var methods = Set(routes.map(\.method))
        if methods.contains("GET") { methods.insert("HEAD") }
        return methods.sorted().joined(separator: ", ")
    }

    private static func printable(_ method: String) -> String {
        method.utf8.count <= 16 && method.utf8.allSatisfy { (0x41...0x5A).contains($0) }
            ? method : "this method"
    }

    private static func parameters(_ pattern: [String], _ path: [String]) -> [String: String]? {
        guard pattern.count == path.count else { return nil }
        var parameters: [String: String] = [:]
        for (part, component) in zip(pattern, path) {
            if part.hasPrefix(":") {
                guard !component.isEmpty else { return nil }
                parameters[String(part.dropFirst())] = component
            } else if !part.utf8.elementsEqual(component.utf8) {
                return nil
            }
        }
        return parameters
    }
}
