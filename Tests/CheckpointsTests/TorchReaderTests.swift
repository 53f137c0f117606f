import Checkpoints
import Tensors
import TestSupport
import Testing

@Suite struct TorchReaderTests {
    private func open(_ name: String) throws -> CheckpointFile {
        try CheckpointFile.open(Fixtures.path("checkpoints/" + name))
    }

    private func root(_ name: String) throws -> CheckpointValue {
        guard case .tree(let root) = try open(name).contents else {
            throw Fixtures.Missing(what: "\(name) is not a torch.save file")
        }
        return root
    }

    private func tensors(_ value: CheckpointValue?) throws -> [String: StoredTensor] {
        guard case .dictionary(let pairs) = value else {
            throw Fixtures.Missing(what: "not a dictionary")
        }
        var tensors: [String: StoredTensor] = [:]
        for (key, value) in pairs {
            if case .string(let name) = key, case .tensor(let tensor) = value {
                tensors[name] = tensor
            }
        }
        return tensors
    }

    private func check(
        _ found: [String: StoredTensor], _ indexed: [String: IndexedTensor],
        half: ElementType? = nil
    ) throws {
        #expect(Set(found.keys) == Set(indexed.keys))
        for (name, tensor) in found { try indexed[name]?.check(tensor, half: half) }
    }

    @Test func trainedFileMatchesIndex() throws {
        let index = try CheckpointIndex.load()
        let root = try root("model_last.pt")
        #expect(root["update"]?.wholeNumber == index.trained.update)
        guard case .dictionary(let pairs) = root else { throw Fixtures.Missing(what: "root") }
        let keys = pairs.map { pair in
            if case .string(let key) = pair.key { key } else { "?" }
        }
        #expect(keys == index.trained.keys)
        try check(tensors(root["model_state_dict"]), index.trained.model)
        try check(tensors(root["ema_model_state_dict"]), index.trained.ema)
    }

    @Test(arguments: [
        "pretrained_ema_only.pt", "legacy_nonzip_ema_only.pt", "deflated_zip_entries.pt",
    ])
    func publishedFilesMatchIndex(name: String) throws {
        let file = try open(name)
        #expect(file.layout == (name.hasPrefix("legacy") ? .torchLegacy : .torchZip))
        try check(
            tensors(root(name)["ema_model_state_dict"]), CheckpointIndex.load().trained.ema)
    }

    @Test func halfPrecisionFilesMatchIndex() throws {
        let index = try CheckpointIndex.load()
        try check(
            tensors(root("ema_bf16.pt")["ema_model_state_dict"]), index.brain, half: .bfloat16)
        try check(tensors(root("ema_fp16.pt")["ema_model_state_dict"]), index.half, half: .float16)
        try check(
            Fixtures.tensors("checkpoints/ema_bf16.safetensors"), index.brain, half: .bfloat16)
        try check(Fixtures.tensors("checkpoints/ema_fp16.safetensors"), index.half, half: .float16)
        try check(Fixtures.tensors("checkpoints/pretrained_ema.safetensors"), index.trained.ema)
    }

    @Test(arguments: ["odd_layouts.pt", "odd_layouts_legacy.pt"])
    func oddLayouts(name: String) throws {
        let index = try CheckpointIndex.load().odd
        let root = try root(name)
        var compared = 0
        for (key, expected) in index {
            guard let values = expected["values"]?.array else { continue }
            guard case .tensor(let tensor) = root[key] else {
                Issue.record("\(key) is not a tensor")
                continue
            }
            #expect(tensor.shape == expected["shape"]?.ints, "\(key)")
            if values.first?.bool != nil || !tensor.elementType.isFloatingPoint {
                let wanted = values.map { value in
                    value.bool.map { $0 ? 1 : 0 } ?? value.int ?? -99
                }
                #expect(try tensor.integers() == wanted.map(Int64.init), "\(key)")
            } else {
                #expect(
                    try tensor.tensor().array == values.compactMap(\.double).map(Float.init),
                    "\(key)")
            }
            compared += 1
        }
        #expect(compared == 13)
        guard case .bigInteger(let big) = root["bigint"], case .integer(-5) = root["neg"],
            case .string(let text) = root["uni"],
            case .list(let list) = root["nested"]?["l"],
            case .tuple(let tuple) = root["nested"]?["t"],
            case .tensor(let inner) = root["od"]?["a"]
        else { throw Fixtures.Missing(what: "the plain values") }
        #expect(big.description == index["bigint"]?.string)
        #expect(text == "héllo 你好")
        #expect(list.count == 5 && tuple.count == 2)
        #expect(try inner.tensor().array == [1, 1])
    }

    @Test func sharedStoragesAreShared() throws {
        let root = try root("odd_layouts.pt")
        guard case .tensor(let first) = root["shared_a"],
            case .tensor(let second) = root["shared_b"],
            case .tensor(let rows) = root["view_rows"]
        else { throw Fixtures.Missing(what: "the shared tensors") }
        #expect(first.bytes === second.bytes && first.bytes === rows.bytes)
        #expect(rows.offset == 6)
    }

    @Test(arguments: [
        ("empty.pt", CheckpointError.Code.truncated, ""),
        ("not_a_checkpoint.pt", .notACheckpoint, "weights file"),
        ("truncated_zip.pt", .truncated, "fetch it again"),
        ("truncated_last_1_byte.pt", .truncated, "fetch it again"),
        ("missing_storage_entry.pt", .badTensor, "\"5\" is not in the file"),
        ("malicious_global_os_system.pt", .forbiddenGlobal, "posix.system"),
        ("malicious_builtins_eval.pt", .forbiddenGlobal, "__builtin__.eval"),
        ("malicious_legacy.pt", .forbiddenGlobal, "posix.system"),
    ])
    func corruptFilesAreRefused(name: String, code: CheckpointError.Code, words: String) {
        let error = #expect(throws: CheckpointError.self) { try open("corrupt/" + name) }
        #expect(error?.code == code)
        #expect(error?.detail.contains(words) == true, "\(error?.description ?? "")")
        #expect(error?.file.hasSuffix(name) == true)
    }
}
