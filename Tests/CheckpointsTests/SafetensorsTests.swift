import Checkpoints
import Tensors
import TestSupport
import Testing

@Suite struct SafetensorsTests {
    @Test(arguments: [
        ("st_bad_json", CheckpointError.Code.badHeader),
        ("st_header_len_huge", .badHeader),
        ("st_offset_out_of_range", .badTensor),
        ("st_overlapping_offsets", .badTensor),
        ("st_shape_overflow", .badTensor),
        ("st_shape_size_mismatch", .badTensor),
        ("st_truncated", .truncated),
    ])
    func corruptHeadersAreRefused(name: String, code: CheckpointError.Code) {
        let path = Fixtures.path("checkpoints/corrupt/\(name).safetensors")
        let error = #expect(throws: CheckpointError.self) { try CheckpointFile.open(path) }
        #expect(error?.code == code)
        #expect(error?.file == path)
    }

    @Test func tensorsAliasTheMapping() throws {
        let tensors = try Fixtures.tensors("checkpoints/pretrained_ema.safetensors")
        let name = "ema_model.transformer.input_embed.conv_pos_embed.conv1d.0.bias"
        let first = try tensors.tensor(name)
        let second = try tensors.tensor(name)
        #expect(first.base == second.base)
        #expect(try tensors.integers("step") == [30])
    }
}
