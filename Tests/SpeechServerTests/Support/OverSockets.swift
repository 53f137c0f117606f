import SpeechServer
import Testing

/// Here the server's own, not the one that test support reads fixtures with.
typealias JSONValue = SpeechServer.JSONValue

/// The suites that talk to a server: one test after the other, because they count what is open and
/// measure time.
@Suite(.serialized) enum OverSockets {}
