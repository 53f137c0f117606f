/// The server's one key, if it has one.
package struct Authorization: Sendable {
    private let key: [UInt8]?
    private let listsArePrivate: Bool

    package init(key: String?, listsArePrivate: Bool = false) {
        self.key = key.map { Array($0.utf8) }
        self.listsArePrivate = listsArePrivate
    }

    /// Whether there is a key, so that nobody comes further without it.
    package var hasKey: Bool { key != nil }

    /// - Throws: 401 when `access` asks for the key and `Authorization: Bearer …` does not hold it.
    package func check(_ headers: Headers, for access: Access) throws(ErrorResponse) {
        guard let key else { return }
        switch access {
        case .open: return
        case .list where !listsArePrivate: return
        case .list, .key: break
        }
        guard let given = Self.bearer(headers["authorization"]) else {
            throw Self.refusal("This needs a key: send it as 'Authorization: Bearer KEY'.")
        }
        guard Self.equal(given, key) else { throw Self.refusal("This key is not valid here.") }
    }

    private static func refusal(_ message: String) -> ErrorResponse {
        ErrorResponse(
            401, message, code: "invalid_api_key", headers: ["WWW-Authenticate": "Bearer"])
    }

    private static func bearer(_ value: String?) -> [UInt8]? {
        guard let value else { return nil }
        let parts = value.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].equalsIgnoringCase("bearer") else { return nil }
        return Array(parts[1].utf8)
    }

    /// Takes as long for any two texts of these lengths, wherever they differ.
    private static func equal(_ given: [UInt8], _ key: [UInt8]) -> Bool {
        guard !key.isEmpty else { return given.isEmpty }
        var difference = given.count ^ key.count
        for (index, byte) in given.enumerated() {
            difference |= Int(byte ^ key[index % key.count])
        }
        return difference == 0
    }
}
