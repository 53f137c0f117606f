import Checkpoints
import Foundation
import Tensors
import TestSupport
import Testing

@testable import F5TTS

/// Forward passes against the official code, output and every intermediate.
struct ForwardTests {
    static let folders =
        ["dit_tiny_v1", "dit_tiny_v0", "unett_tiny/e2", "unett_tiny/variant_add"]
        + [
            "attn_mask_enabled", "average_upsampling", "long_skip", "nano_v1", "odd_dims_pe2",
            "qk_norm",
        ].map { "dit_variants/\($0)" }

    @Test(arguments: folders)
    func outputs(folder: String) throws {
        let model = try TinyModel.load(folder)
        for name in try Self.cases(folder) {
            let fixture = try Fixtures.tensors(name)
            let (text, dropped, output) = try Self.forward(model, fixture, name)
            expectClose(text, try fixture.tensor("text_embed"), atol: 5e-5, "\(name) text_embed")
            if let dropped {
                expectClose(
                    dropped, try fixture.tensor("text_embed#1"), atol: 5e-5,
                    "\(name) text_embed#1")
            }
            expectClose(output, try fixture.tensor("output"), atol: 5e-5, "\(name) output")
        }
    }

    /// With the products that machines have instructions for: some levels differ in these alone.
    @Test(arguments: folders, Rounding.precisions)
    func roundedOutputs(folder: String, precision: Precision) throws {
        let model = try TinyModel.load(folder, precision: precision)
        for name in try Self.cases(folder) {
            let fixture = try Fixtures.tensors(name)
            Rounding.expectNear(
                try Self.forward(model, fixture, name).output, try fixture.tensor("output"),
                precision, bounds: Rounding.ofPass, "\(name) output")
        }
    }

    /// There is an intermission before every block, and another pass in it changes nothing.
    @Test(arguments: ["dit_tiny_v1", "unett_tiny/e2"])
    func passesCanBeInterrupted(folder: String) throws {
        let model = try TinyModel.load(folder)
        let name = try #require(try Self.cases(folder).first)
        let fixture = try Fixtures.tensors(name)
        let alone = try Self.forward(model, fixture, name).output
        var count = 0
        let output = try Intermission.calling({
            count += 1
            Intermission.calling(nil) { _ = try? Self.forward(model, fixture, name) }
        }) {
            try Self.forward(model, fixture, name).output
        }
        #expect(count == model.configuration.depth)
        #expect(output.array == alone.array)
    }

    /// The fixtures of whole passes in a folder.
    private static func cases(_ folder: String) throws -> [String] {
        let files = try FileManager.default.contentsOfDirectory(atPath: Fixtures.path(folder))
        let cases = files.filter { $0.hasPrefix("forward_") }.sorted()
        #expect(cases.count >= 5)
        return cases.map { "\(folder)/\($0)" }
    }

    /// One pass with the inputs of a fixture; `dropped` embeds no text, where it is guided.
    private static func forward(
        _ model: any Backbone, _ fixture: [String: StoredTensor], _ name: String
    ) throws -> (text: Tensor, dropped: Tensor?, output: Tensor) {
        let x = try fixture.tensor("in.x")
        let condition = try fixture.tensor("in.cond")
        let ids = try fixture.tokenIDs("in.text")
        let lengths = try fixture.lengths("in.mask")
        let time = model.timeTable(try fixture.floats("in.time"))
        let frames = x.shape[1]
        let text = model.embed(
            ids, frames: frames, lengths: lengths, dropped: name.contains("drop_both"))
        guard name.contains("cfg_infer") else {
            let output = model.velocity(
                x, condition: name.contains("drop") ? .zeros(condition.shape) : condition,
                text: text, time: time, lengths: lengths)
            return (text, nil, output)
        }
        let dropped = model.embed(ids, frames: frames, lengths: lengths, dropped: true)
        let output = model.velocity(
            .concatenating([x, x]),
            condition: .concatenating([condition, .zeros(condition.shape)]),
            text: .concatenating([text, dropped]), time: time,
            lengths: lengths.map { $0 + $0 })
        return (text, dropped, output)
    }

    /// Each layer of DiT from the official input of that layer.
    @Test(arguments: folders.filter { $0.hasPrefix("dit") })
    func intermediates(folder: String) throws {
        let model = try #require(try TinyModel.load(folder) as? DiT)
        let c = model.configuration
        let fixture = try Fixtures.tensors("\(folder)/forward_b2_mask.safetensors")
        func check(_ actual: Tensor, _ key: String, atol: Float = 5e-5) throws {
            expectClose(actual, try fixture.tensor(key), atol: atol, "\(folder) \(key)")
        }
        let times = try fixture.floats("in.time")
        let x = try fixture.tensor("in.x")
        let lengths = try fixture.lengths("in.mask")
        try check(TimeEmbedding.sinusoids(times), "time_sinus", atol: 1e-4)
        try check(model.timeEmbedding(times), "time_embed")

        let projected = model.inputEmbedding.projection(
            .concatenatingColumns([
                x, try fixture.tensor("in.cond"), try fixture.tensor("text_embed"),
            ]))
        try check(projected, "input_embed.proj")
        let position = model.inputEmbedding.position
        try check(
            position(try fixture.tensor("input_embed.proj"), lengths: lengths),
            "input_embed.conv_pos_embed")
        try check(
            model.inputEmbedding(
                x, condition: fixture.tensor("in.cond"), text: fixture.tensor("text_embed"),
                lengths: lengths), "input_embed")

        let time = model.timeTable(times)
        let rotary = RotaryTable(positions: x.shape[1], width: c.headWidth)
        var input = try fixture.tensor("input_embed")
        for (index, block) in model.blocks.enumerated() {
            let m = time.layers[index].chunkedColumns(6)
            let attend = Modulation(shift: m[0], scale: m[1], gate: m[2])
            let normalized = attend.normalize(input)
            try check(
                block.attention(normalized, rotary: rotary, lengths: lengths),
                "block\(index).attn")
            if index == 0 {
                try check(normalized, "block0.attn_norm.norm")
                try check(m[2], "block0.attn_norm.gate_msa")
                try check(m[3], "block0.attn_norm.shift_mlp")
                try check(m[4], "block0.attn_norm.scale_mlp")
                try check(m[5], "block0.attn_norm.gate_mlp")
                try check(block.attention.queries(normalized), "block0.to_q")
                let h = input.adding(
                    gate: attend.gate, times: try fixture.tensor("block0.attn"))
                let feed = Modulation(shift: m[3], scale: m[4], gate: m[5])
                try check(block.feedForward(feed.normalize(h)), "block0.ff")
            }
            try check(
                block(input, modulation: time.layers[index], rotary: rotary, lengths: lengths),
                "block\(index)")
            input = try fixture.tensor("block\(index)")
        }
        if let longSkip = model.longSkip {
            input = longSkip(.concatenatingColumns([input, try fixture.tensor("input_embed")]))
            try check(input, "long_skip")
        }
        let output = time.layers[c.depth].chunkedColumns(2)
        try check(input.modulatedNorm(scale: output[0], shift: output[1], eps: 1e-6), "norm_out")
        try check(model.projection(try fixture.tensor("norm_out")), "output")
    }

    /// The text blocks from the official input of each.
    @Test(arguments: folders.filter { $0.hasPrefix("dit") })
    func textIntermediates(folder: String) throws {
        let model = try #require(try TinyModel.load(folder) as? DiT)
        let embedding = model.textEmbedding
        let fixture = try Fixtures.tensors("\(folder)/forward_b2_mask.safetensors")
        let lengths = try fixture.lengths("in.mask")
        let lookup = try fixture.tensor("text_embed_lookup")
        let ids = try fixture.tokenIDs("in.text")
        let rows = embedding.tableRows(ids, length: lookup.shape[1], lengths: lengths)
        let filler = rows.map { $0.map { $0 == 0 } }
        // The reference stores the lookup before rows past a sample's length are blanked.
        expectClose(
            embedding.table.lookup(rows), lookup, atol: 5e-5, "\(folder) text_embed_lookup")
        var x = embedding.blanking(
            lookup.masked(lengths)
                + embedding.positionTable(samples: rows.count, length: lookup.shape[1])
                .masked(lengths), filler)
        for (index, block) in embedding.blocks.enumerated() {
            let depthwise = block.depthwise(x)
            let official = try fixture.tensor("text_block\(index).dwconv_bdn")
            expectClose(
                depthwise, official.swappingLastAxes(), atol: 5e-5,
                "\(folder) text_block\(index).dwconv_bdn")
            let expanded = block.expand(block.norm(depthwise), activation: .geluErf)
            expectClose(
                expanded.globalResponseNorm(
                    gain: block.responseGain, shift: block.responseShift),
                try fixture.tensor("text_block\(index).grn"), atol: 5e-5,
                "\(folder) text_block\(index).grn")
            expectClose(
                block(x), try fixture.tensor("text_block\(index)"), atol: 5e-5,
                "\(folder) text_block\(index)")
            x = embedding.blanking(try fixture.tensor("text_block\(index)"), filler)
        }
    }

    /// Each layer of UNetT from the official output of the layer before.
    @Test(arguments: folders.filter { $0.hasPrefix("unett") })
    func unetIntermediates(folder: String) throws {
        let model = try #require(try TinyModel.load(folder) as? UNetT)
        let fixture = try Fixtures.tensors("\(folder)/forward_b2_mask.safetensors")
        func check(_ actual: Tensor, _ key: String, atol: Float = 5e-5) throws {
            expectClose(actual, try fixture.tensor(key), atol: atol, "\(folder) \(key)")
        }
        let times = try fixture.floats("in.time")
        let lengths = try #require(try fixture.lengths("in.mask")).map { $0 + 1 }
        try check(TimeEmbedding.sinusoids(times), "time_sinus", atol: 1e-4)
        try check(model.timeEmbedding(times), "time_embed")
        try check(
            model.inputEmbedding(
                fixture.tensor("in.x"), condition: fixture.tensor("in.cond"),
                text: fixture.tensor("text_embed"), lengths: nil), "input_embed")
        let embedded = try fixture.tensor("input_embed")
        let token = try fixture.tensor("time_embed")
        let (samples, frames, dim) = (embedded.shape[0], embedded.shape[1], embedded.columns)
        var x = Tensor.concatenating(
            (0..<samples).flatMap { [token[$0..<$0 + 1], embedded[$0]] }
        ).reshaped([samples, frames + 1, dim])
        let rotary = RotaryTable(
            positions: frames + 1, width: model.configuration.headWidth)
        var inputs: [Tensor] = []
        for (index, layer) in model.layers.enumerated() {
            if layer.isLater {
                x = layer.join(x, inputs.removeLast())
                if layer.skip != nil { try check(x, "layer\(index).skip_proj") }
            } else {
                inputs.append(x)
            }
            let normalized = x.unitNorm(gain: layer.attentionGain)
            try check(normalized, "layer\(index).attn_norm")
            try check(
                layer.attention(normalized, rotary: rotary, lengths: lengths),
                "layer\(index).attn")
            let h = try fixture.tensor("layer\(index).attn") + x
            try check(
                layer.feedForward(h.unitNorm(gain: layer.feedForwardGain)), "layer\(index).ff")
            x = try fixture.tensor("layer\(index).ff") + h
        }
        try check(x.unitNorm(gain: model.outputGain), "norm_out")
    }

    /// Position tables and the time embedding over a range of times.
    @Test(arguments: folders)
    func tables(folder: String) throws {
        let model = try TinyModel.load(folder)
        let fixture = try Fixtures.tensors("\(folder)/tables.safetensors")
        let angles = try fixture.tensor("rope_cos")
        let rotary = RotaryTable(
            positions: angles.shape[0], width: model.configuration.headWidth)
        expectClose(
            rotary.cosines.repeatingColumns(), angles, atol: 5e-5, "\(folder) rope_cos")
        expectClose(
            rotary.sines.repeatingColumns(), try fixture.tensor("rope_sin"), atol: 5e-5,
            "\(folder) rope_sin")
        if fixture["rope_in_bhnd"] != nil {
            let input = try fixture.tensor("rope_in_bhnd")
            for head in 0..<input.shape[1] {
                let one = input[0][head]
                let rotated = rotary.rotate(
                    one.reshaped([1] + one.shape), heads: 1, rotated: 1)
                expectClose(
                    rotated.reshaped(one.shape), try fixture.tensor("rope_out_bhnd")[0][head],
                    atol: 5e-5, "\(folder) rope head \(head)")
            }
        }
        if fixture["time_in"] != nil, let dit = model as? DiT {
            let times = try fixture.floats("time_in")
            expectClose(
                TimeEmbedding.sinusoids(times), try fixture.tensor("time_sinus_256"),
                atol: 1e-4, "\(folder) time_sinus_256")
            expectClose(
                dit.timeEmbedding(times), try fixture.tensor("time_embed"), atol: 5e-5,
                "\(folder) time_embed table")
        }
        if fixture["text_freqs_cis_first64"] != nil, let dit = model as? DiT {
            let first = try fixture.tensor("text_freqs_cis_first64")
            let table = dit.textEmbedding.positionTable(samples: 1, length: 8192)[0]
            expectClose(
                table[0..<64], first, atol: 5e-5, "\(folder) text_freqs_cis_first64")
            expectClose(
                table[8188..<8192], try fixture.tensor("text_freqs_cis_last4"), atol: 2e-3,
                "\(folder) text_freqs_cis_last4")
        }
    }
}

extension Tensor {
    /// Every column twice, side by side.
    func repeatingColumns() -> Tensor {
        Tensor(array.flatMap { [$0, $0] }, shape: [shape[0], 2 * columns])
    }
}
