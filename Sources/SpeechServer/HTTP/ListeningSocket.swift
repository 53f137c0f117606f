import Foundation

/// The address that the server listens on.
package struct ListenError: Error, Sendable, CustomStringConvertible {
    package let description: String
}

/// A bound TCP socket that accepts connections; whoever takes `descriptor` closes it.
package struct ListeningSocket: Sendable {
    package let descriptor: Int32
    /// The port in use, which the system chose if 0 was asked for.
    package let port: Int
    package let isIPv6: Bool
    /// Whether only this machine can connect.
    package let isLoopback: Bool

    /// - Parameters:
    ///   - host: a name or an address; `0.0.0.0` or `::` for every interface.
    ///   - port: 0-65535; 0 takes any free one.
    ///   - backlog: connections that may wait to be accepted.
    /// - Throws: `ListenError` that says what is in the way.
    package init(host: String, port: Int, backlog: Int32 = 128) throws(ListenError) {
        var hints = addrinfo()
        hints.ai_family = AF_UNSPEC
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_PASSIVE
        var list: UnsafeMutablePointer<addrinfo>?
        let status = getaddrinfo(host, String(port), &hints, &list)
        guard status == 0, let first = list else {
            throw ListenError(
                description:
                    "cannot resolve host '\(host)': \(String(cString: gai_strerror(status)))")
        }
        defer { freeaddrinfo(list) }
        let address = first.pointee
        isIPv6 = address.ai_family == AF_INET6
        descriptor = socket(
            address.ai_family, address.ai_socktype | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw Self.failure("open a socket for", host, port) }
        var one: Int32 = 1
        let size = socklen_t(MemoryLayout<Int32>.size)
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, size)
        // Accepted sockets inherit this: every chunk leaves when it is written.
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, size)
        guard bind(descriptor, address.ai_addr, address.ai_addrlen) == 0 else {
            let failure = Self.failure("listen on", host, port)
            close(descriptor)
            throw failure
        }
        guard listen(descriptor, backlog) == 0 else {
            let failure = Self.failure("listen on", host, port)
            close(descriptor)
            throw failure
        }
        let bound = Self.boundAddress(descriptor, isIPv6: isIPv6)
        self.port = bound.port
        isLoopback = bound.isLoopback
    }

    private static func failure(_ verb: String, _ host: String, _ port: Int) -> ListenError {
        let reason = String(cString: strerror(errno))
        return ListenError(
            description:
                "cannot \(verb) \(host):\(port): \(reason); choose another --host or --port"
        )
    }

    private static func boundAddress(
        _ descriptor: Int32, isIPv6: Bool
    ) -> (port: Int, isLoopback: Bool) {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        return withUnsafeMutableBytes(of: &storage) { bytes in
            guard let base = bytes.baseAddress,
                getsockname(descriptor, base.assumingMemoryBound(to: sockaddr.self), &length) == 0
            else { return (port: 0, isLoopback: false) }
            // The port lies at the same place, in network order, in both families.
            let port = Int(bytes[2]) << 8 | Int(bytes[3])
            let isLoopback =
                isIPv6
                ? bytes[8..<24].elementsEqual([UInt8](repeating: 0, count: 15) + [1])
                : bytes[4] == 127
            return (port: port, isLoopback: isLoopback)
        }
    }
}
