import Checkpoints
import Foundation
import Tensors
import TestSupport
import Testing

@testable import F5TTS

/// One training step against the official code: batch, prediction, loss, every gradient by name.
struct GradientTests {
    static let models = [
        "tiny_v1": "dit_tiny_v1", "nano_v1": "dit_variants/nano_v1",
        "qknorm": "dit_variants/qk_norm", "longskip": "dit_variants/long_skip",
        "avgup": "dit_variants/average_upsampling", "attnmask": "dit_variants/attn_mask_enabled",
        "nonpow": "dit_variants/odd_dims_pe2", "e2_unett": "unett_tiny/e2",
    ]
    static let cases: [String] = {
        let report: JSONValue? = try? Fixtures.json("train/single_step_report.json")
        return report?.object?.keys.sorted() ?? []
    }()

    /// A report that is missing would leave nothing to test, which passes.
    @Test func allCasesAreThere() { #expect(Self.cases.count == 12) }

    @Test(arguments: cases)
    func step(name: String) throws {
        let report: JSONValue = try Fixtures.json("train/single_step_report.json")
        let folder = try #require(Self.models[report[name]?["model"]?.string ?? ""])
        let fixture = try Fixtures.tensors("train/step_\(name).safetensors")
        let batch = try Self.batch(fixture)
        #expect(batch.spans.map(\.lowerBound) == (try fixture.integers("span_start").map(Int.init)))
        #expect(batch.spans.map(\.count) == (try fixture.integers("span_len").map(Int.init)))
        expectClose(batch.noised, try fixture.tensor("phi"), atol: 1e-6, "\(name) phi")
        expectClose(batch.flow, try fixture.tensor("flow"), atol: 1e-6, "\(name) flow")
        if try fixture.integers("drop_audio_cond")[0] == 0 {
            expectClose(batch.condition, try fixture.tensor("cond"), atol: 0, "\(name) cond")
        }

        let (model, parameters) = try Self.parameters(folder)
        let (prediction, loss) = FlowMatchingLoss.evaluate(
            model, batch, training: try Self.pass(fixture))
        expectClose(prediction, try fixture.tensor("pred"), atol: 5e-5, "\(name) pred")
        expectClose(loss.array, try fixture.floats("loss"), atol: 0, rtol: 1e-5, "\(name) loss")
        let gradients = loss.gradients(of: parameters.map(\.tensor))
        let expected = fixture.keys.filter { $0.hasPrefix("grad.") }
        #expect(expected.count == parameters.count)
        var worst = 0.0
        for (parameter, gradient) in zip(parameters, gradients) {
            let official = try fixture.tensor("grad.\(parameter.name)")
            let distance = Self.relativeDistance(gradient, official)
            #expect(distance <= 1e-4, "\(name) gradient of \(parameter.name)")
            worst = max(worst, distance)
        }
        print("fixture \(name) gradients: largest difference \(worst) (tolerance 1e-4 relative)")
    }

    /// In bfloat16 operands are rounded, and what is kept for the backward pass: no gradient is far from the
    /// official one in float32.
    @Test(arguments: cases)
    func roundedStep(name: String) throws {
        let report: JSONValue = try Fixtures.json("train/single_step_report.json")
        let folder = try #require(Self.models[report[name]?["model"]?.string ?? ""])
        let fixture = try Fixtures.tensors("train/step_\(name).safetensors")
        let (model, parameters) = try Self.parameters(folder, precision: .bf16)
        let loss = FlowMatchingLoss.evaluate(
            model, try Self.batch(fixture), training: try Self.pass(fixture)
        ).loss
        expectClose(loss.array, try fixture.floats("loss"), atol: 0, rtol: 0.01, "\(name) loss")
        var worst = (distance: 0.0, name: "")
        for (parameter, gradient) in zip(parameters, loss.gradients(of: parameters.map(\.tensor))) {
            let official = try fixture.tensor("grad.\(parameter.name)")
            let distance = Self.relativeDistance(gradient, official)
            #expect(distance <= 0.05, "\(name) gradient of \(parameter.name)")
            if distance > worst.distance { worst = (distance, parameter.name) }
        }
        print("fixture \(name) gradients in bf16: largest difference \(worst) (tolerance 0.05)")
    }

    /// The model of a fixture folder, its parameters recorded.
    static func parameters(
        _ folder: String, precision: Precision = .f32
    ) throws -> (any Backbone, [(name: String, tensor: Tensor)]) {
        let resolved = try EMAResolution.resolve(
            .open(Fixtures.path("\(folder)/model.safetensors")), source: .ema)
        let configuration = try TinyModel.configuration("\(folder)/arch.json")
        let parameters = try Weights.shapes { configuration.model($0) }.map { name, _ in
            (name: name, tensor: try resolved.tensors.tensor(name).asParameter)
        }
        return (configuration.model(values: parameters, precision: precision), parameters)
    }

    static func batch(_ fixture: [String: StoredTensor]) throws -> FlowMatchingBatch {
        let lengths = try fixture.integers("lens").map(Int.init)
        let fractions = try fixture.floats("frac_lengths")
        let starts = try fixture.floats("span_rand")
        return FlowMatchingBatch(
            mel: try fixture.tensor("mel"), lengths: lengths,
            text: try fixture.tokenIDs("text_ids"),
            spans: lengths.indices.map {
                FlowMatchingBatch.span(
                    frames: lengths[$0], fraction: fractions[$0], start: starts[$0])
            }, noise: try fixture.tensor("x0"), times: try fixture.floats("time"),
            dropsAudio: try all(fixture, "drop_audio_cond", lengths.count),
            dropsText: try all(fixture, "drop_text", lengths.count))
    }

    /// A flag of the whole batch, for each of its samples.
    static func all(
        _ fixture: [String: StoredTensor], _ name: String, _ samples: Int
    ) throws -> [Bool] {
        let flag = try fixture.integers(name)[0] != 0
        return [Bool](repeating: flag, count: samples)
    }

    /// The masks that the official run drew, where it dropped anything.
    static func pass(_ fixture: [String: StoredTensor]) throws -> TrainingPass {
        var pass = TrainingPass()
        let prefix = "dropout_keep.transformer.transformer_blocks."
        let masks = try fixture.filter { $0.key.hasPrefix(prefix) }.mapValues { try $0.tensor() }
        guard !masks.isEmpty else { return pass }
        pass.dropout = Dropout { layer, place, x in
            let module = place == .attention ? "attn.to_out.1" : "ff.ff.1"
            guard let keep = masks["\(prefix)\(layer).\(module)"] else {
                return x * .zeros(x.shape)
            }
            return x * Tensor(keep.array.map { $0 / 0.9 }, shape: x.shape)
        }
        return pass
    }

    /// `‖a - b‖ / ‖b‖`, absolute where b is zero.
    static func relativeDistance(_ a: Tensor, _ b: Tensor) -> Double {
        precondition(a.count == b.count, "relativeDistance: \(a.shape) and \(b.shape)")
        var (difference, norm) = (0.0, 0.0)
        for i in 0..<a.count {
            let (x, y) = (Double(a.base[i]), Double(b.base[i]))
            difference += (x - y) * (x - y)
            norm += y * y
        }
        return norm == 0 ? difference.squareRoot() : (difference / norm).squareRoot()
    }
}
