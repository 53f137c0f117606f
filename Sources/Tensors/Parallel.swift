import CKernels
import Foundation
import Synchronization

/// The one thread pool that all compute runs on.
package enum Parallel {
    private static let requested = Atomic<Int>(0)
    private nonisolated(unsafe) static let pool: OpaquePointer =
        CKernels_pool_create(Int32(threads))

    /// How many threads can compute at one time: a core each, but no more than the control group has time
    /// for. Threads beyond that would spend it on waiting for each other, and all of them then stand still.
    package static let processors = max(
        1, min(ProcessInfo.processInfo.activeProcessorCount, ControlGroup.processors ?? .max))

    /// Sets the number of threads, callers included; 0 means `processors`. Only the call before the
    /// first op counts.
    package static func configure(threads: Int) {
        requested.store(max(0, min(threads, 256)), ordering: .relaxed)
    }

    /// Number of threads that ops use.
    package static var threads: Int {
        let wanted = requested.load(ordering: .relaxed)
        return wanted > 0 ? wanted : processors
    }

    /// Calls `body` with each of `0..<count` once, on all threads, and returns when all are done.
    ///
    /// The indices write disjoint memory; how they are spread over threads never changes a result. A
    /// thread in the background first waits until nothing is being spoken, and again in the middle of what
    /// is long.
    package static func run(_ count: Int, _ body: (Int) -> Void) {
        guard isInBackground else { return spread(count, body) }
        for first in stride(from: 0, to: count, by: stretch) {
            standAside()
            spread(min(stretch, count - first)) { body(first + $0) }
        }
    }

    /// Indices that a thread in the background takes at a time: milliseconds of work. All weights of a large
    /// model are updated in one op that takes a second.
    static let stretch = 16

    private static func spread(_ count: Int, _ body: (Int) -> Void) {
        withoutActuallyEscaping(body) { body in
            var body = body
            withUnsafeMutablePointer(to: &body) { pointer in
                CKernels_pool_run(
                    pool, count,
                    { context, index in
                        context!.assumingMemoryBound(to: ((Int) -> Void).self).pointee(index)
                    }, pointer)
            }
        }
    }

    /// Has what the calling thread computes in `body` stand aside for speech, op by op.
    package static func inBackground<T, Failure>(
        _ body: () throws(Failure) -> T
    ) throws(Failure) -> T {
        let before = CKernels_thread_is_background()
        CKernels_thread_set_background(1)
        defer { CKernels_thread_set_background(before) }
        return try body()
    }

    /// Waits, on a thread in the background, until nothing is being spoken: for what takes long without ops,
    /// as decoding and hashing do, between its pieces.
    package static func standAside() {
        if isInBackground { ComputeGate.shared.standAside() }
    }

    /// Whether what the calling thread computes stands aside for speech.
    package static var isInBackground: Bool { CKernels_thread_is_background() != 0 }

    /// Makes the calling thread compute alone from now on: it leaves the pool to others.
    package static func runAlone() { CKernels_thread_run_alone(1) }

    /// Has the calling thread compute alone what it computes in `body`, and leave the pool to others: who
    /// finds it taken computes alone too.
    package static func alone<T>(_ body: () throws -> T) rethrows -> T {
        let before = CKernels_thread_run_alone(1)
        defer { CKernels_thread_run_alone(before) }
        return try body()
    }

    /// Splits `0..<count` into ranges of at most `grain` and runs them in parallel.
    package static func ranges(_ count: Int, grain: Int, _ body: (Range<Int>) -> Void) {
        let pieces = (count + grain - 1) / grain
        run(pieces) { body($0 * grain..<min(count, ($0 + 1) * grain)) }
    }
}
