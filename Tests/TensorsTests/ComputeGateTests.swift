import Foundation
import Synchronization
import Testing

@testable import Tensors

struct ComputeGateTests {
    /// A thread that stands aside, and how often it came back.
    private final class Training: Sendable {
        let returns = Atomic<Int>(0)

        init(_ gate: ComputeGate, times: Int = 1) {
            Thread.detachNewThread { [self] in
                for _ in 0..<times {
                    gate.standAside()
                    returns.add(1, ordering: .relaxed)
                }
            }
        }

        func hasReturned(_ count: Int, within seconds: Double) -> Bool {
            let deadline = ContinuousClock.now + .seconds(seconds)
            while ContinuousClock.now < deadline {
                if returns.load(ordering: .relaxed) >= count { return true }
                usleep(1000)
            }
            return returns.load(ordering: .relaxed) >= count
        }
    }

    @Test func nobodyStandsAsideWithoutSpeech() {
        let gate = ComputeGate()
        #expect(Training(gate).hasReturned(1, within: 10))
        gate.speechBegins()
        gate.speechEnds()
        #expect(Training(gate).hasReturned(1, within: 10))
    }

    @Test func trainingWaitsUntilTheLastSpeechEnds() {
        let gate = ComputeGate()
        gate.speechBegins()
        gate.speechBegins()
        let training = [Training(gate), Training(gate)]
        #expect(!training[0].hasReturned(1, within: 0.1))
        gate.speechEnds()
        #expect(!training[1].hasReturned(1, within: 0.1))
        gate.speechEnds()
        #expect(training.allSatisfy { $0.hasReturned(1, within: 10) })
    }

    /// A wake-up that gets lost would leave the training standing.
    @Test func noEndIsMissed() {
        let gate = ComputeGate()
        let training = Training(gate, times: 20_000)
        let deadline = ContinuousClock.now + .seconds(30)
        while training.returns.load(ordering: .relaxed) < 20_000, ContinuousClock.now < deadline {
            gate.speechBegins()
            gate.speechEnds()
        }
        #expect(training.hasReturned(20_000, within: 10))
    }

    /// An op that takes long makes way in its middle, and is whole in the end.
    @Test func longOpsStandAsideInTheirMiddle() {
        let count = 10 * Parallel.stretch
        let done = Atomic<Int>(0)
        let isWhole = DispatchSemaphore(value: 0)
        Thread.detachNewThread {
            Parallel.inBackground {
                Parallel.run(count) { index in
                    // Somebody begins to speak while it is computed.
                    if index == 0 { ComputeGate.shared.speechBegins() }
                    usleep(1000)
                    done.add(1, ordering: .relaxed)
                }
            }
            isWhole.signal()
        }
        while done.load(ordering: .relaxed) < Parallel.stretch { usleep(1000) }
        // What was begun is finished, and nothing else.
        usleep(300_000)
        #expect(done.load(ordering: .relaxed) == Parallel.stretch)
        ComputeGate.shared.speechEnds()
        #expect(isWhole.wait(timeout: .now() + 120) == .success)
        #expect(done.load(ordering: .relaxed) == count)
    }
}
