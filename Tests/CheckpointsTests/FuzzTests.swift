import Foundation
import Tensors
import TestSupport
import Testing

@testable import Checkpoints

/// Damaged files are refused or read, and never anything else: every byte is changed, and files are
/// cut at every length near their ends and at every seventh between.
@Suite struct FuzzTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    /// Opens a file and reads every tensor in it; gives whether it was refused.
    private func isRefused(_ path: String) -> Bool {
        do throws(CheckpointError) {
            let file = try CheckpointFile.open(path)
            switch file.contents {
            case .tensors(let tensors, metadata: _):
                for tensor in tensors { _ = try tensor.tensor() }
            case .tree(let root): try read(root)
            }
            if let resolved = try? EMAResolution.resolve(file, source: .auto) {
                #expect(!resolved.file.isEmpty)
            }
            return false
        } catch {
            #expect(error.file == path && !error.detail.isEmpty)
            return true
        }
    }

    private func read(_ value: CheckpointValue) throws(CheckpointError) {
        switch value {
        case .tensor(let tensor):
            _ = try tensor.tensor()
            if !tensor.elementType.isFloatingPoint { _ = try tensor.integers() }
        case .list(let values), .tuple(let values):
            for value in values { try read(value) }
        case .dictionary(let pairs):
            for (key, value) in pairs {
                try read(key)
                try read(value)
            }
        default: break
        }
    }

    /// A small file of each layout.
    private func samples() throws -> [(name: String, bytes: [UInt8])] {
        let path = folder.path("sample")
        try SafetensorsWriter.write(
            [
                OutputTensor(
                    name: "a.b", Tensor([1, 2, 3, 4, 5, 6], shape: [2, 3]), as: .float16),
                OutputTensor(name: "step", elementType: .int64, shape: [], integers: [7]),
            ], metadata: ["format": "pt"], to: path)
        let safetensors = try Array(Data(contentsOf: URL(filePath: path)))
        return [
            ("safetensors", safetensors),
            ("zip", try Fixtures.bytes("checkpoints/odd_layouts.pt")),
            ("legacy", try Fixtures.bytes("checkpoints/odd_layouts_legacy.pt")),
            ("deflated", try ZipBuilder.torch(ZipBuilder.smallPickle, deflated: true)),
        ]
    }

    @Test func everyByteChanged() throws {
        for (name, bytes) in try samples() {
            var refused = 0
            var tried = 0
            for index in bytes.indices {
                var changed = bytes
                changed[index] ^= [0x01, 0x80, 0xFF][index % 3]
                let path = try folder.write(changed, as: "fuzz")
                if isRefused(path) { refused += 1 }
                tried += 1
            }
            #expect(refused > tried / 50, "\(name): \(refused) of \(tried)")
            print("fuzz \(name): \(refused) of \(tried) changed files refused, the others read")
        }
    }

    @Test func everyLength() throws {
        for (name, bytes) in try samples() {
            for length in 0..<bytes.count
            where length < 200 || length > bytes.count - 200 || length % 7 == 0 {
                let path = try folder.write(Array(bytes[..<length]), as: "cut")
                #expect(isRefused(path), "\(name) cut to \(length)")
            }
            #expect(!isRefused(try folder.write(bytes, as: "whole")), "\(name)")
        }
    }

    @Test func thingsThatAreNoFiles() throws {
        for path in [folder.path(""), folder.path("absent"), "/dev/null", "/dev/zero", ""] {
            let error = #expect(throws: CheckpointError.self) { try CheckpointFile.open(path) }
            #expect(error?.code == .cannotOpen, "\(path)")
        }
        let pipe = folder.path("pipe")
        #expect(mkfifo(pipe, 0o600) == 0)
        #expect(throws: CheckpointError.self) { try CheckpointFile.open(pipe) }
    }
}
