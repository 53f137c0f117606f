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
    /// The chunk at which it fails, if it does.
    let failingChunk: Int?
    /// What each chunk says, in place of the tone.
    let constant: [Float]?
    let stepsDone = Atomic<Int>(0)
    let spoken = Atomic<Int>(0)
    let cancelled = Atomic<Int>(0)

    init(
        chunks: Int = 3, steps: Int = 4, stepSeconds: Double = 0.02, failingChunk: Int? = nil,
        constant: [Float]? = nil
    ) {
        self.constant = constant
        self.chunks = chunks
        self.steps = steps
        self.stepSeconds = stepSeconds
        self.failingChunk = failingChunk
    }

    static let samplesPerChunk = 9600

    /// The samples of one chunk, as `speak` emits them.
    static func samples(chunk: Int, seed: UInt32) -> [Float] {
        (0..<samplesPerChunk).map { i in
            let phase = Float(i + chunk * samplesPerChunk) * (0.02 + Float(seed % 100) * 0.0005)
            return 0.4 * sin(phase)
        }
    }

    func speak(
        _ text: String, voice: ReferenceVoice, options: SynthesisOptions,
        while running: () -> Bool, progress: (SynthesisProgress) -> Void,
        emit: ([Float]) throws -> Void
    ) throws -> SynthesisSummary {
        let start = ContinuousClock.now
        var first = 0.0
        for chunk in 0..<chunks {
            for step in 0..<steps {
                guard running() else {
                    cancelled.add(1, ordering: .relaxed)
                    throw CancellationError()
                }
                usleep(UInt32(stepSeconds * 1e6))
                stepsDone.add(1, ordering: .relaxed)
                progress(
                    SynthesisProgress(chunk: chunk, chunks: chunks, step: step + 1, steps: steps))
            }
            if chunk == failingChunk { throw Failure() }
            if chunk == 0 { first = (ContinuousClock.now - start) / .seconds(1) }
            do {
                try emit(constant ?? Self.samples(chunk: chunk, seed: options.seed))
            } catch {
                cancelled.add(1, ordering: .relaxed)
                throw error
            }
        }
        spoken.add(1, ordering: .relaxed)
        var summary = SynthesisSummary()
        summary.audioSeconds = 0.4 * Double(chunks)
        summary.synthesisSeconds = (ContinuousClock.now - start) / .seconds(1)
        summary.firstAudioSeconds = first
        summary.chunks = chunks
        return summary
    }
}
