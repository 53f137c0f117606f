/// How much one client, and all of them together, may take. Times in seconds, sizes in bytes.
package struct HTTPLimits: Sendable {
    /// Open connections; further ones wait in the kernel's backlog.
    package var connections = 128
    /// Open connections from one address; 0 sets no limit.
    package var connectionsPerAddress = 0
    /// From the connection's opening, or the previous answer, until the next request's header is
    /// whole. Also how long an idle connection is kept.
    package var headerSeconds = 30.0
    /// From the header until the body is whole.
    package var bodySeconds = 120.0
    /// How long a client may leave a ready answer untouched before it is cut off; players that pause
    /// stop reading.
    package var sendSeconds = 300.0
    /// Memory of one connection for request line, header and socket buffers.
    package var connectionMemory = 64 << 10
    /// Request bodies held at one time, over all connections.
    package var bodiesInMemory = 256 << 20
    /// Synthesised audio that clients have not yet taken, over all connections.
    package var audioInMemory = 512 << 20

    package init() {}
}
