import Testing

@testable import SpeechServer

/// What a pipe tells of its reader.
struct BytePipeTests {
    private func read(_ count: Int, from pipe: BytePipe) -> BytePipe.Reading {
        withUnsafeTemporaryAllocation(byteCount: count, alignment: 1) { pipe.read(into: $0) }
    }

    private func bytes(_ count: Int) -> [UInt8] { [UInt8](repeating: 1, count: count) }

    @Test func whatIsUnreadIsCounted() throws {
        let budget = ByteBudget(1000)
        let pipe = BytePipe(budget: budget)
        #expect(pipe.unread == 0 && pipe.unreadShare == 0 && !pipe.hasEnough)
        try pipe.write(bytes(60))
        try pipe.write(bytes(40))
        #expect(pipe.unread == 100 && pipe.unreadShare == 1)
        #expect(read(50, from: pipe) == .bytes(50))
        #expect(pipe.unread == 50 && pipe.unreadShare == 0.5)
        // A read ends where a write did.
        #expect(read(50, from: pipe) == .bytes(10))
        #expect(pipe.unread == 40 && budget.inUse == 40)
        try pipe.write(bytes(60))
        #expect(pipe.unread == 100 && pipe.unreadShare == 100.0 / 160)
        pipe.cancel()
        #expect(pipe.unread == 0 && pipe.unreadShare == 0)
        #expect(throws: CancellationError.self) { try pipe.write(bytes(1)) }
        #expect(pipe.unread == 0)
    }

    @Test func muchIsEnough() throws {
        let pipe = BytePipe(budget: ByteBudget(1 << 30))
        try pipe.write(bytes(BytePipe.plenty))
        #expect(!pipe.hasEnough)
        try pipe.write(bytes(1))
        #expect(pipe.hasEnough)
        #expect(read(1, from: pipe) == .bytes(1))
        #expect(!pipe.hasEnough)
    }

    @Test func whereTheBudgetIsScarceAnythingIsEnough() throws {
        let budget = ByteBudget(100)
        let (slow, quick) = (BytePipe(budget: budget), BytePipe(budget: budget))
        try slow.write(bytes(49))
        try quick.write(bytes(1))
        #expect(!slow.hasEnough && !quick.hasEnough)
        try slow.write(bytes(10))
        #expect(slow.hasEnough && quick.hasEnough)
        #expect(read(1, from: quick) == .bytes(1))
        #expect(slow.hasEnough && !quick.hasEnough)
        slow.cancel()
        try quick.write(bytes(1))
        #expect(!quick.hasEnough)
        // What is kept for an answer that is sent as a whole counts.
        let whole = BytePipe(budget: budget)
        #expect(whole.reserve(60))
        #expect(quick.hasEnough && !whole.hasEnough)
    }
}
