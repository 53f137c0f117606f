import Tensors
import TestSupport
import Testing

@testable import F5TTS

/// Times of several samples, embedded at once.
struct SharedTimesTests {
    /// The gradient of every parameter is what it is where each sample embeds its own time.
    @Test(arguments: ["dit_variants/nano_v1", "unett_tiny/e2"])
    func gradientsAreTheSame(folder: String) throws {
        let backbone = try TinyModel.configuration("\(folder)/arch.json")
        let (_, initial) = try GradientTests.parameters(folder)
        let parameters = ParameterBlock(layout: initial.map { ($0.name, $0.tensor.shape) })
        for (place, parameter) in initial.enumerated() { parameters.set(place, parameter.tensor) }
        var generator = TorchGenerator(seed: 3)
        let mel = generator.normal([3, 24, 100])
        let batch = FlowMatchingBatch(
            mel: mel, lengths: [24, 20, 22], text: [[1, 2, 3], [4, 5], [6]],
            using: &generator)
        func gradients(_ learn: (() -> any Backbone) -> Void) -> ParameterBlock {
            let sum = GradientSum(layout: parameters.layout)
            learn { backbone.model(values: parameters.recorded(summedBy: sum)) }
            return sum.finish()
        }
        func add(_ model: any Backbone, _ sample: Int, _ time: TimeTable?) {
            FlowMatchingLoss.evaluate(model, batch.sample(sample), time: time).loss
                .addGradients(times: 0.5)
        }
        let alone = gradients { model in for sample in 0..<3 { add(model(), sample, nil) } }
        let together = gradients { model in
            let times = SharedTimes(model(), batch.times)
            for sample in 0..<3 { add(model(), sample, times[sample]) }
            times.addGradients()
        }
        for (a, b) in zip(together.tensors, alone.tensors) {
            #expect(
                GradientTests.relativeDistance(a.tensor, b.tensor) < 1e-5, "\(folder) \(a.name)")
        }
        // All of them were asked for.
        #expect(alone.tensors.contains { $0.name.contains("time_embed") })
        #expect(
            alone.tensors.allSatisfy { entry in
                !entry.name.contains("time_embed") || entry.tensor.array.contains { $0 != 0 }
            })
    }
}
