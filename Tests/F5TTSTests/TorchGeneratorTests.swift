import Tensors
import TestSupport
import Testing

@testable import F5TTS

/// Random numbers against PyTorch's CPU generator.
struct TorchGeneratorTests {
    @Test(arguments: [UInt32(0), 1, 42, 666, 12345])
    func streams(seed: UInt32) throws {
        let fixture = try Fixtures.tensors("rng/torch_cpu.safetensors")
        var uniform = TorchGenerator(seed: seed)
        let values = (0..<40).map { _ in uniform.uniform() }
        #expect(values == (try fixture.floats("rand40_seed\(seed)")))
        var permuting = TorchGenerator(seed: seed)
        let permutation = permuting.permutation(57).map { Int64($0) }
        #expect(permutation == (try fixture.integers("randperm57_seed\(seed)")))
        for count in [16, 33, 100, 300] {
            var generator = TorchGenerator(seed: seed)
            expectClose(
                generator.normal([count]), try fixture.tensor("randn\(count)_seed\(seed)"),
                atol: 2e-6, "randn\(count) seed \(seed)")
        }
    }
}
