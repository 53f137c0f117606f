import CKernels
import Foundation
import Synchronization
import Testing

@testable import Tensors

struct ParallelAloneTests {
    /// The threads that an op ran on.
    private func threads() -> Set<UInt> {
        let threads = Mutex<Set<UInt>>([])
        Parallel.run(200) { _ in
            usleep(200)
            threads.withLock { threads in _ = threads.insert(UInt(pthread_self())) }
        }
        return threads.withLock { $0 }
    }

    /// Whoever computes alone does so on its own thread, until the outermost end of it.
    @Test func aloneIsOneThread() {
        let own: Set<UInt> = [UInt(pthread_self())]
        Parallel.alone {
            #expect(threads() == own)
            Parallel.alone {}
            #expect(threads() == own)
        }
        // Which threads an op runs on then is the system's affair.
        #expect(CKernels_thread_run_alone(0) == 0)
    }

    @Test func whatIsThrownIsHandedOn() {
        #expect(throws: CancellationError.self) {
            _ = try Parallel.alone { () throws -> Int in throw CancellationError() }
        }
        #expect(Parallel.alone { 7 } == 7)
    }
}
