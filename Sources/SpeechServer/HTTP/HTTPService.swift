import Logging

/// Everything about HTTP that is not the transport: which route answers, who may call it, and what
/// every answer carries.
package struct HTTPService: Sendable {
    package var router: Router
    package var authorization: Authorization
    /// The web origin whose pages may call this server (`*` for any); nil for the server's own only.
    package var allowedOrigin: String?
    /// The names by which it may be called; nil for any.
    package var allowedHosts: AllowedHosts?

    package init(
        router: Router, authorization: Authorization, allowedOrigin: String? = nil,
        allowedHosts: AllowedHosts? = nil
    ) {
        self.router = router
        self.authorization = authorization
        self.allowedOrigin = allowedOrigin
        self.allowedHosts = allowedHosts
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
            return .answer(preflight(target, headers))
        }
        let (route, parameters) = try router.match(method, target.path)
        try authorization.check(headers, for: route.access)
        if route.access != .open { try refuseForeignNames(headers) }
        if route.access == .key { try refuseForeignPages(headers) }
        return .route(route, parameters: parameters)
    }

    private func refuseForeignNames(_ headers: Headers) throws(ErrorResponse) {
        guard allowedHosts?.contains(host: headers["host"]) == false else { return }
        throw ErrorResponse(
            403,
            "This server is not called by this name: use its address, or have the name allowed with "
                + "--allowed-hosts.", code: "host_not_allowed")
    }

    /// A page of another site may not use the browser of somebody who runs Skald on their machine.
    /// Browsers say so in `Sec-Fetch-Site`; over plain HTTP from another machine they say only where
    /// the page is from. Other clients send neither.
    private func refuseForeignPages(_ headers: Headers) throws(ErrorResponse) {
        let origin = headers["origin"]
        if let allowedOrigin, allowedOrigin == "*" || allowedOrigin == origin { return }
        let isForeign: Bool
        if let site = headers["sec-fetch-site"] {
            isForeign = site == "cross-site"
        } else if let origin {
            isForeign = !Self.isOwn(origin, headers)
        } else {
            isForeign = false
        }
        guard isForeign else { return }
        throw ErrorResponse(
            403, "Pages of other sites may not call this server; --cors-origin allows one.",
            code: "cross_origin")
    }

    /// Whether a page is this server's own, by the name that the browser called or a proxy passes on.
    private static func isOwn(_ origin: String, _ headers: Headers) -> Bool {
        // Without an address: `null`, which is what sandboxed pages say.
        guard let scheme = origin.firstRange(of: "://") else { return false }
        let authority = origin[scheme.upperBound...]
        return [headers["host"], headers["x-forwarded-host"]].contains { names in
            names?.prefix { $0 != "," }.equalsIgnoringCase(authority) == true
        }
    }

    /// What pages of other sites may read beside the body.
    private static let exposed =
        "X-Request-Id, X-Skald-Seed, X-Skald-Sample-Rate, X-Skald-Latency, Retry-After"

    /// Clients send fields of their own, as the `openai` package does, so what a page asks for is allowed.
    private func preflight(_ target: RequestTarget, _ headers: Headers) -> Response {
        let methods = router.methods(of: target.path)
        let fields = headers["access-control-request-headers"]
        return Response(
            204,
            headers: [
                "Access-Control-Allow-Methods": methods,
                "Access-Control-Allow-Headers":
                    fields ?? "Authorization, Content-Type, X-Request-Id",
                "Access-Control-Max-Age": "600",
            ])
    }

    /// Adds the header fields that every answer carries.
    func finished(_ response: Response, id: String) -> Response {
        var response = response
        response.headers.append("X-Request-Id", id)
        response.headers.append("X-Content-Type-Options", "nosniff")
        // nginx would otherwise hold a stream back until its buffers are full.
        if case .stream = response.body { response.headers.append("X-Accel-Buffering", "no") }
        if let allowedOrigin {
            response.headers.append("Access-Control-Allow-Origin", allowedOrigin)
            response.headers.append("Access-Control-Expose-Headers", Self.exposed)
            response.headers.append("Vary", "Origin")
        }
        return response
    }
}
