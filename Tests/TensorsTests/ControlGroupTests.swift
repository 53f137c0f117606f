import Foundation
import Testing

@testable import Tensors

@Suite struct ControlGroupTests {
    private static let texts: [(String, Int?)] = [
        ("max 100000\n", nil), ("200000 100000\n", 2), ("150000 100000\n", 2),
        ("100001 100000", 2), ("100000 100000", 1), ("1000 100000", 1),
        ("6400000 100000\n", 64), ("9223372036854775807 1", Int.max), ("0 100000", nil),
        ("-1 100000", nil), ("100000 0", nil), ("", nil), ("max", nil), ("200000", nil),
    ]

    @Test(arguments: texts) func aShareOfTimeIsAsManyProcessors(text: String, count: Int?) {
        #expect(ControlGroup.processorCount(text) == count)
    }

    @Test func thereAreNoMoreThreadsThanCores() {
        let cores = ProcessInfo.processInfo.activeProcessorCount
        #expect((1...cores).contains(Parallel.processors))
        #expect(Parallel.processors <= (ControlGroup.processors ?? cores))
    }
}
