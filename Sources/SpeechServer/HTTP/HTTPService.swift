import Logging

/// Everything about HTTP that is not the transport: which route answers, who may call it, and what
/// every answer carries.
package struct HTTPService: Sendable {
    package var router: Router
    package var authorization: Authorization
    /// The web origin whose pages may call this server (`*` for any); nil for the server's own only.
    package var allowedOrigin: String?

    package init(router: Router, authorization: Authorization, allowedOrigin: String? = nil) {
        self.router = router
        self.authorization = authorization
        self.allowedOrigin = allowedOrigin
    }

    /// What to do with a request of which only the header is here.
    enum Admission: Sendable {
        case answer(Response)
        case route(Route, parameters: [String: String])
    }

    /// Decides before any of the body is accepted.
    func admit(_ method: String, _ target: RequestTarget, _ headers: Headers)
        throws(ErrorResponse) -> Admission
    {
        if method == "OPTIONS", allowedOrigin != nil, headers["origin"] != nil {
            return .answer(preflight(target))
        }
        let (route, parameters) = try router.match(method, target.path)
        try authorization.check(headers, for: route.access)
        if route.access == .key { try refuseForeignPages(headers) }
        return .route(route, parameters: parameters)
    }

    /// A page of another site may not use the browser of somebody who runs Skald on their machine.
    /// Browsers say so in `Sec-Fetch-Site`; other clients do not send it.
    private func refuseForeignPages(_ headers: Headers) throws(ErrorResponse) {
        guard headers["sec-fetch-site"] == "cross-site" else { return }
        if let allowedOrigin, allowedOrigin == "*" || allowedOrigin == headers["origin"] { return }
        throw ErrorResponse(
            403, "Pages of other sites may not call this server; --cors-origin allows one.",
            code: "cross_origin")
    }

    /// What pages of other sites may read beside the body.
    private static let exposed =
        "X-Request-Id, X-Skald-Seed, X-Skald-Sample-Rate, X-Skald-Latency, Retry-After"

    private func preflight(_ target: RequestTarget) -> Response {
        let methods = router.methods(of: target.path)
        return Response(
            204,
            headers: [
                "Access-Control-Allow-Methods": methods,
                "Access-Control-Allow-Headers": "Authorization, Content-Type, X-Request-Id",
                "Access-Control-Max-Age": "600",
            ])
    }

    /// Adds the header fields that every answer carries.
    func finished(_ response: Response, id: String) -> Response {
        var response = response
        response.headers.append("X-Request-Id", id)
        response.headers.append("X-Content-Type-Options", "nosniff")
        if let allowedOrigin {
            response.headers.append("Access-Control-Allow-Origin", allowedOrigin)
            response.headers.append("Access-Control-Expose-Headers", Self.exposed)
            response.headers.append("Vary", "Origin")
        }
        return response
    }
}
