import Checkpoints
import Foundation
import Tensors

/// Times low-rank voices on a network of random weights: speed does not depend on their values.
package struct AdapterBenchmark {
    /// What was measured.
    package struct Result: Sendable {
        /// From the adapter's file to the first step that could be taken, seconds: the mean of several
        /// voices.
        package let switching: Double
        /// What merging instead would take: the sum of each of the base's matrices with the adapter's
        /// product, packed; seconds.
        package let merging: Double
        /// Bytes that a voice takes in memory.
        package let bytes: Int
        /// The fastest step of the base, and of a voice, seconds.
        package let baseStep: Double
        package let voiceStep: Double
    }

    private let configuration: BackboneConfiguration
    private let precision: Precision
    private let adapter: LowRankAdapter
    private let frames: Int

    /// - Parameters:
    ///   - configuration: the network's shape.
    ///   - precision: the number format of its large matrices.
    ///   - rank: of the adapters.
    ///   - frames: of the step.
    package init(
        _ configuration: BackboneConfiguration, precision: Precision, rank: Int, frames: Int
    ) {
        self.configuration = configuration
        self.precision = precision
        self.frames = frames
        adapter = LowRankAdapter(rank: rank)
    }

    /// Measures with adapters in `folder`, a temporary one. Errors: `CheckpointError`.
    package func run(
        in folder: String, voices: Int = 4, steps: Int = 3
    ) throws -> Result {
        let (built, _) = Weights.random(seed: 0, precision: precision) { w in
            w.collecting { configuration.model($0) }
        }
        let base = SamplerCache(built.model)
        var options = SynthesisOptions()
        options.nfe = max(2, 2 * steps)
        // The base has spoken before anybody switches.
        let plain = base.sampler(steps: options.nfe, options)
        let layout = Weights.shapes { configuration.model($0) }
        let paths = try (0..<voices).map { voice in
            let path = "\(folder)/\(voice).safetensors"
            let block = adapter.initial(for: layout, seed: UInt32(voice))
            try SafetensorsWriter.write(
                block.tensors.map { OutputTensor(name: $0.name, $0.tensor) }, to: path)
            return path
        }
        let clock = ContinuousClock()
        var (samplers, seconds, bytes): ([FlowSampler], Double, Int) = ([], 0, 0)
        for path in paths {
            let start = clock.now
            let stored = try EMAResolution.resolve(.open(path), source: .auto)
            let made = try AdaptedModels.lowRank(
                adapter, stored, on: configuration, parts: built.parts, sharing: base)
            samplers.append(made.samplers.sampler(steps: options.nfe, options))
            seconds += (clock.now - start) / .seconds(1)
            bytes = made.bytes
        }
        return Result(
            switching: seconds / Double(voices), merging: merging(layout), bytes: bytes,
            baseStep: fastest(plain, steps),
            voiceStep: samplers.last.map { fastest($0, steps) } ?? 0)
    }

    /// From weights in memory; one matrix of each shape stands for all.
    private func merging(_ layout: [(name: String, shape: [Int])]) -> Double {
        let voice = adapter.layers(adapter.initial(for: layout, seed: 0).tensors)
        let clock = ContinuousClock()
        var weights: [[Int]: Tensor] = [:]
        var seconds = 0.0
        for layer in voice.values {
            let shape = [layer.outputs, layer.inputs]
            let weight = weights[shape] ?? .zeros(shape)
            weights[shape] = weight
            let start = clock.now
            let product = Linear(weight: layer.down.transposed(), bias: nil)(layer.up)
            _ = PackedMatrix(weight + product, precision)
            seconds += (clock.now - start) / .seconds(1)
        }
        return seconds
    }

    private func fastest(_ sampler: FlowSampler, _ steps: Int) -> Double {
        let conditioning = Conditioning(
            reference: .zeros([1, frames / 3, configuration.melChannels]),
            text: [(0..<frames / 6).map { $0 % configuration.vocabularySize }],
            durations: [frames])
        StoragePool.begin(.speech)
        defer { StoragePool.end(.speech) }
        var flow = sampler.start(conditioning, noise: conditioning.noise(seed: 0), guidance: 2)
        let clock = ContinuousClock()
        return (0..<steps).map { _ in
            let start = clock.now
            sampler.advance(&flow)
            return (clock.now - start) / .seconds(1)
        }.min() ?? 0
    }
}
