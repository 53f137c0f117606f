import F5TTS

/// What a client asks of a list: `after`, `limit` and `order`, as OpenAI's lists have them.
struct ListRequest {
    /// One entry more than asked for, to learn whether there is one.
    let page: ListPage
    private let limit: Int

    /// - Throws: `invalidRequest` naming the parameter at fault.
    init(
        _ request: Request, defaultLimit: Int, limits: ClosedRange<Int>
    ) throws(SpeechError) {
        var limit = defaultLimit
        if let text = request.target.value("limit") {
            guard let value = Int(text), limits.contains(value) else {
                throw SpeechError(
                    .invalidRequest,
                    "limit must be a whole number from \(limits.lowerBound) to "
                        + "\(limits.upperBound).", parameter: "limit")
            }
            limit = value
        }
        let order = request.target.value("order") ?? "desc"
        guard order == "desc" || order == "asc" else {
            throw SpeechError(.invalidRequest, "order must be asc or desc.", parameter: "order")
        }
        self.limit = limit
        page = ListPage(
            after: request.target.value("after"), limit: limit + 1, newestFirst: order == "desc")
    }

    /// The list as clients get it.
    func response<Entry>(
        _ entries: [Entry], id: (Entry) -> String, _ describe: (Entry) -> JSONValue
    ) -> Response {
        let shown = entries.prefix(limit)
        return .json([
            "object": "list", "data": .array(shown.map(describe)),
            "first_id": shown.first.map { .string(id($0)) } ?? .null,
            "last_id": shown.last.map { .string(id($0)) } ?? .null,
            "has_more": .bool(entries.count > limit),
        ])
    }
}

extension RequestTarget {
    /// The first value of a query parameter.
    func value(_ name: String) -> String? { query.first { $0.name == name }?.value }
}

extension Request {
    /// What a `:name` component of the route stood for.
    func parameter(_ name: String) -> String { parameters[name] ?? "" }
}
