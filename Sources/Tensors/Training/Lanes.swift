import Foundation

/// Threads that each compute a part of a training step by themselves, from first op to last.
///
/// A small network's ops are too short to be shared: what two threads compute each for itself takes
/// half the waiting and stays in their own caches. Lanes leave the pool to speech, and stand aside
/// while there is some. `@unchecked Sendable`: the condition guards all that changes.
package final class Lanes: @unchecked Sendable {
    private let condition = NSCondition()
    /// The job, and the first index that nobody has taken.
    private var body: ((Int) -> Void)?
    private var count = 0
    private var next = 0
    private var active = 0
    private var isStopped = false

    /// Starts as many threads as ops use.
    package init() {
        for index in 0..<Parallel.threads {
            let thread = Thread { [self] in
                Parallel.runAlone()
                Parallel.inBackground { while let job = take() { finish(job) } }
            }
            thread.name = "lane \(index)"
            thread.stackSize = 1 << 23
            thread.start()
        }
    }

    /// Ends the threads, which keep this object until then; nothing may be run afterwards.
    package func stop() {
        condition.lock()
        isStopped = true
        condition.broadcast()
        condition.unlock()
    }

    /// Calls `body` with each of `0..<count` once and returns when all are done; the indices are taken
    /// in order.
    package func run(_ count: Int, _ body: @escaping (Int) -> Void) {
        guard count > 0 else { return }
        condition.lock()
        precondition(!isStopped && self.body == nil, "Lanes: stopped, or busy")
        (self.body, self.count, next, active) = (body, count, 0, count)
        condition.broadcast()
        while active > 0 { condition.wait() }
        self.body = nil
        condition.unlock()
    }

    /// Waits for an index; nil when stopped.
    private func take() -> (index: Int, body: (Int) -> Void)? {
        condition.lock()
        defer { condition.unlock() }
        while !isStopped && (body == nil || next >= count) { condition.wait() }
        guard !isStopped, let body else { return nil }
        defer { next += 1 }
        return (next, body)
    }

    private func finish(_ job: (index: Int, body: (Int) -> Void)) {
        job.body(job.index)
        condition.lock()
        active -= 1
        if active == 0 { condition.broadcast() }
        condition.unlock()
    }
}
