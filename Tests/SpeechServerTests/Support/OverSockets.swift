import Testing

/// The suites that talk to a server: one test after the other, because they count what is open and
/// measure time.
@Suite(.serialized) enum OverSockets {}
