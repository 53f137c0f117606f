import Checkpoints
import Tensors
import TestSupport
import Testing

@testable import F5TTS

/// The vocoder and its inverse STFT against the official Vocos.
struct VocosTests {
    @Test(arguments: ["model.safetensors", "pytorch_model.bin"])
    func decodes(file: String) throws {
        for padding in [VocosConfiguration.Padding.center, .same] {
            var c = VocosConfiguration()
            (c.dim, c.innerDim, c.depth, c.padding) = (32, 96, 2, padding)
            let vocos = try Weights.load(
                EMAResolution.resolve(.open(Fixtures.path("vocos_tiny/\(file)")), source: .auto),
                ignoring: Vocos.isConstant
            ) { Vocos($0, c) }
            let fixture = try Fixtures.tensors("vocos_tiny/decode_\(padding).safetensors")
            let mel = try fixture.tensor("mel").swappingLastAxes()[0]
            expectClose(
                vocos.decode(mel), try fixture.floats("wave"), atol: 5e-6,
                "vocos \(file) \(padding) wave")
            let batch = try fixture.tensor("mel_b2").swappingLastAxes()
            for sample in 0..<2 {
                expectClose(
                    vocos.decode(batch[sample]), try fixture.tensor("wave_b2")[sample].array,
                    atol: 5e-6, "vocos \(file) \(padding) batch \(sample)")
            }
            guard padding == .center else { continue }
            expectClose(
                vocos.decode(mel[0..<2]), try fixture.floats("wave_2frames"), atol: 5e-6,
                "vocos \(file) two frames")
            #expect(vocos.decode(mel[0..<1]).isEmpty)
            func btc(_ key: String) throws -> Tensor {
                try fixture.tensor(key).swappingLastAxes()
            }
            let embedded = vocos.embedding(mel.reshaped([1] + mel.shape))
            expectClose(embedded, try btc("embed_bct"), atol: 5e-5, "vocos embed")
            let normalized = vocos.norm(embedded)
            expectClose(normalized, try fixture.tensor("norm_btc"), atol: 5e-5, "vocos norm")
            let first = vocos.blocks[0](normalized)
            expectClose(first, try btc("convnext0_bct"), atol: 5e-5, "vocos block 0")
            expectClose(
                vocos.blocks[1](first), try btc("convnext1_bct"), atol: 5e-5, "vocos block 1")
            expectClose(
                vocos.spectrum(mel), try fixture.tensor("head_out_btc")[0], atol: 5e-5,
                "vocos head")
        }
    }

    @Test(arguments: [VocosConfiguration.Padding.center, .same])
    func inverseSTFT(padding: VocosConfiguration.Padding) throws {
        let fixture = try Fixtures.tensors("vocos_tiny/istft.safetensors")
        let real = try fixture.tensor("S_real").swappingLastAxes()[0]
        let imaginary = try fixture.tensor("S_imag").swappingLastAxes()[0]
        let inverse = InverseSTFT(window: 1024, hop: 256, padding: padding)
        let wave = inverse.overlapAdd(frames: real.rows) { frame, re, im in
            re.update(from: real.base + frame * 513, count: 513)
            im.update(from: imaginary.base + frame * 513, count: 513)
        }
        expectClose(wave, try fixture.floats("\(padding)"), atol: 5e-6, "istft \(padding)")
    }
}
