import Foundation
import Synchronization
import Tensors
import Testing

@testable import F5TTS

struct BatchLoaderTests {
    /// Tiny batches, with a note of which thread made each.
    private final class Source: BatchSource {
        let threads = Mutex<[ObjectIdentifier]>([])
        let indices = Mutex<[Int]>([])

        func batch(_ index: Int) -> FlowMatchingBatch {
            threads.withLock { $0.append(ObjectIdentifier(Thread.current)) }
            indices.withLock { $0.append(index) }
            let mel = Tensor.zeros([1, 4, 100])
            return FlowMatchingBatch(
                mel: mel, lengths: [4], text: [[1]], spans: [1..<3], noise: mel, times: [0.5],
                dropsAudio: [false], dropsText: [false])
        }
    }

    /// One worker for the whole run, whatever an epoch is; batches in order, ahead of the trainer.
    @Test func oneThreadMakesAllBatchesInOrder() {
        let source = Source()
        let loader = BatchLoader(source, start: 7)
        for _ in 0..<200 { _ = loader.next() }
        loader.stop()
        let indices = source.indices.withLock { $0 }
        #expect(indices == Array(7..<7 + indices.count))
        #expect(indices.count >= 200 && indices.count <= 206)
        #expect(Set(source.threads.withLock { $0 }).count == 1)
    }

    /// What is ready costs no waiting.
    @Test func batchesAreMadeAhead() {
        let source = Source()
        let loader = BatchLoader(source, start: 0, depth: 4)
        _ = loader.next()
        func made() -> Int { source.indices.withLock { $0.count } }
        let deadline = ContinuousClock.now + .seconds(60)
        while made() < 5, ContinuousClock.now < deadline { usleep(1000) }
        #expect(made() == 5)
        // Something else may have the cores now and then. The last one may not be ready yet.
        let waits = (0..<3).map { _ in loader.next().waited }
        loader.stop()
        #expect(waits.contains { $0 < 0.05 })
    }
}
