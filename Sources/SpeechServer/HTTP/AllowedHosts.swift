import Foundation

/// The names by which this server may be called.
///
/// A page can have its own name resolved to this computer (DNS rebinding): the browser then takes what
/// the server answers for the page's own, but still says by which name it called. Addresses, and names
/// that only this computer or its network knows, cannot be such a page's.
package struct AllowedHosts: Sendable {
    private let names: Set<String>

    /// - Parameter names: those that may be called beside addresses and local names; `*` for any.
    package init(_ names: [String] = []) {
        self.names = Set(names.map { Self.name(in: $0) })
    }

    /// Whether a request may have this `Host`; one that has none does not come from a browser.
    package func contains(host: String?) -> Bool {
        guard let host, !names.contains("*") else { return true }
        let name = Self.name(in: host)
        return Self.isAddress(name) || Self.isLocal(name) || names.contains(name)
    }

    /// The name or the address, without a port, in the form in which names are compared.
    private static func name(in host: String) -> String {
        if host.hasPrefix("["), let end = host.firstIndex(of: "]") { return String(host[...end]) }
        let name = host.prefix { $0 != ":" }.lowercased()
        return name.hasSuffix(".") ? String(name.dropLast()) : name
    }

    private static func isAddress(_ name: String) -> Bool {
        // Room for either kind.
        var address = in6_addr()
        guard name.hasPrefix("[") else { return inet_pton(AF_INET, name, &address) == 1 }
        return inet_pton(AF_INET6, String(name.dropFirst().dropLast()), &address) == 1
    }

    /// `localhost`, a container's name, or one that is found without the public name servers.
    private static func isLocal(_ name: String) -> Bool {
        !name.contains(".") || name.hasSuffix(".local") || name.hasSuffix(".localhost")
    }
}
