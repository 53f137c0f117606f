import F5TTS
import Tensors

/// Times guided steps of a network at several lengths.
struct StepBench {
    private let backbone: any Backbone
    private let sampler: FlowSampler
    /// What the table of the schedule took.
    let tableSeconds: Double

    /// - Parameters:
    ///   - backbone: the network.
    ///   - steps: how many steps are timed; the fastest counts.
    init(_ backbone: any Backbone, steps: Int) {
        self.backbone = backbone
        (sampler, tableSeconds) = Measurements.timed {
            FlowSampler(backbone, schedule: TimeSchedule(steps: steps, sway: -1))
        }
    }

    /// What one guided step of so many frames takes, and what embedding the text does.
    func time(frames: Int) -> (stepSeconds: Double, embeddingSeconds: Double) {
        let configuration = backbone.configuration
        // A third is reference, and text comes at about 15 characters a second.
        let conditioning = Conditioning(
            reference: .zeros([1, frames / 3, configuration.melChannels]),
            text: [(0..<frames / 6).map { $0 % configuration.vocabularySize }],
            durations: [frames])
        let noise = conditioning.noise(seed: 0)
        StoragePool.begin(.speech)
        defer { StoragePool.end(.speech) }
        var (flow, embedding) = Measurements.timed {
            sampler.start(conditioning, noise: noise, guidance: 2)
        }
        var fastest = Double.infinity
        while !sampler.isFinished(flow) {
            fastest = min(fastest, Measurements.timed { sampler.advance(&flow) }.seconds)
        }
        return (fastest, embedding)
    }
}
