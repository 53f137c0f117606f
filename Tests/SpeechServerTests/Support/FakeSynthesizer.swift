import Foundation
import Synchronization

@testable import F5TTS
@testable import SpeechServer

/// Speaks a tone: `chunks` of 0.4 s, each after `steps` steps that take `stepSeconds`. What it says
/// depends on the seed, as speech does.
final class FakeSynthesizer: SpeechSynthesizing {
    struct Failure: Error { let path = "/var/secret/weights" }

    let chunks: Int
    let steps: Int
    let stepSeconds: Double
    let operationsPerStep: Double
    /// Whose steps are so many times as long, with an intermission in each part.
    let long: (seed: UInt32, parts: Int)?
    /// The chunk at which it fails, if it does.
    let failingChunk: Int?
    /// What each chunk says, in place of the tone.
    let constant: [Float]?
    let stepsDone = Atomic<Int>(0)
    let spoken = Atomic<Int>(0)
    let cancelled = Atomic<Int>(0)
    /// The seeds of the utterances in the order of their steps.
    let order = Mutex<[UInt32]>([])
    /// What happens while an utterance is prepared.
    let whilePreparing = Mutex<(@Sendable () -> Void)?>(nil)
    /// What happens in every step.
    let whileStepping = Mutex<(@Sendable () -> Void)?>(nil)

    init(
        chunks: Int = 3, steps: Int = 4, stepSeconds: Double = 0.02,
        operationsPerStep: Double = 1, long: (seed: UInt32, parts: Int)? = nil,
        failingChunk: Int? = nil, constant: [Float]? = nil
    ) {
        self.long = long
        self.constant = constant
        self.chunks = chunks
        self.steps = steps
        self.stepSeconds = stepSeconds
        self.operationsPerStep = operationsPerStep
        self.failingChunk = failingChunk
    }

    /// From now on every step waits for a permit.
    func takeSteps(by permits: DispatchSemaphore) {
        whileStepping.withLock { act in act = { permits.wait() } }
    }

    static let samplesPerChunk = 9600

    /// The samples of one chunk, as the engine gets them.
    static func samples(chunk: Int, seed: UInt32) -> [Float] {
        (0..<samplesPerChunk).map { i in
            let phase = Float(i + chunk * samplesPerChunk) * (0.02 + Float(seed % 100) * 0.0005)
            return 0.4 * sin(phase)
        }
    }

    /// A text of digits alone says how many chunks it has.
    func utterance(
        _ text: String, voice: ReferenceVoice, options: SynthesisOptions
    ) throws -> any SpeechInProgress {
        let act = whilePreparing.withLock { $0 }
        act?()
        return FakeSpeech(self, chunks: Int(text) ?? chunks, seed: options.seed)
    }
}

extension DispatchSemaphore {
    /// Lets so many pass.
    func signal(times: Int) {
        for _ in 0..<times { signal() }
    }
}

/// One utterance of a `FakeSynthesizer`.
struct FakeSpeech: SpeechInProgress {
    /// Counts an utterance as cancelled when it is dropped before its end.
    private final class Token: Sendable {
        let maker: FakeSynthesizer
        let isFinished = Atomic<Bool>(false)

        init(_ maker: FakeSynthesizer) { self.maker = maker }

        deinit {
            if isFinished.load(ordering: .relaxed) {
                maker.spoken.add(1, ordering: .relaxed)
            } else {
                maker.cancelled.add(1, ordering: .relaxed)
            }
        }
    }

    private let token: Token
    private let chunks: Int
    private let seed: UInt32
    private var chunk = 0
    private var step = 0
    private(set) var operationsDone = 0.0
    private(set) var summary = SynthesisSummary()

    init(_ maker: FakeSynthesizer, chunks: Int, seed: UInt32) {
        token = Token(maker)
        self.chunks = chunks
        self.seed = seed
        summary.chunks = chunks
    }

    var isFinished: Bool { chunk == chunks }
    var isInChunk: Bool { step > 0 }

    var outlook: [ChunkCost] {
        (chunk..<chunks).map { index in
            ChunkCost(
                operationsPerStep: operationsPerStep,
                steps: token.maker.steps - (index == chunk ? step : 0), audioSeconds: 0.4)
        }
    }

    /// Parts of a step.
    private var parts: Int {
        token.maker.long.map { $0.seed == seed ? $0.parts : 1 } ?? 1
    }
    private var operationsPerStep: Double { token.maker.operationsPerStep * Double(parts) }

    mutating func advance(affording operations: Double) throws -> [Float] {
        let maker = token.maker
        let act = maker.whileStepping.withLock { $0 }
        act?()
        for _ in 0..<parts {
            Intermission.take()
            usleep(UInt32(maker.stepSeconds * 1e6))
        }
        maker.stepsDone.add(1, ordering: .relaxed)
        maker.order.withLock { [seed] in $0.append(seed) }
        summary.synthesisSeconds += maker.stepSeconds
        operationsDone += operationsPerStep
        step += 1
        guard step == maker.steps else { return [] }
        step = 0
        if chunk == maker.failingChunk { throw FakeSynthesizer.Failure() }
        defer {
            chunk += 1
            summary.audioSeconds += 0.4
            if isFinished { token.isFinished.store(true, ordering: .relaxed) }
        }
        return maker.constant ?? FakeSynthesizer.samples(chunk: chunk, seed: seed)
    }
}
