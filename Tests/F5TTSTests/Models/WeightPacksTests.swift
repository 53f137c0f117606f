import Audio
import Checkpoints
import Foundation
import TestSupport
import Testing

@testable import F5TTS
@testable import Tensors

/// `.skaldpack` files: made once, mapped afterwards, never used for other weights.
struct WeightPacksTests {
    private let folder: TemporaryFolder
    private let packs: WeightPacks
    private let configuration: BackboneConfiguration
    private let model: String

    init() throws {
        folder = try TemporaryFolder()
        packs = WeightPacks(folder: folder.path("own"), smallestFile: 0)
        configuration = try TinyModel.configuration("dit_tiny_v1/arch.json")
        model = folder.path("model.safetensors")
        try FileManager.default.copyItem(
            atPath: Fixtures.path("dit_tiny_v1/model.safetensors"), toPath: model)
    }

    private func origin(_ precision: Precision) throws -> PackedWeights.Origin {
        PackedWeights.Origin(
            try FileState(model), source: .ema, precision: precision,
            architecture: "\(configuration)")
    }

    private func load(_ precision: Precision) throws -> (any Backbone, ModelParts) {
        let resolved = try EMAResolution.resolve(.open(model), source: .ema)
        let (backbone, parts) = try Weights.load(resolved, precision: precision) { w in
            w.collecting { configuration.model($0) }
        }
        return (backbone, parts)
    }

    private func pack(_ precision: Precision) throws -> (any Backbone, PackedWeights) {
        let (backbone, parts) = try load(precision)
        return (backbone, try #require(packs.write(parts, of: origin(precision)).pack))
    }

    private func flow(_ backbone: any Backbone) -> Tensor {
        let x = Self.noise([1, 50, configuration.melChannels], seed: 1)
        return backbone.velocity(
            x, condition: Self.noise(x.shape, seed: 2),
            text: backbone.embed([[3, 1, 4]], frames: 50, lengths: nil, dropped: false),
            time: backbone.timeTable([0.3]), lengths: nil)
    }

    private static func noise(_ shape: [Int], seed: UInt32) -> Tensor {
        var generator = TorchGenerator(seed: seed)
        return Tensor(
            (0..<shape.reduce(1, *)).map { _ in generator.uniform() * 4 - 2 }, shape: shape)
    }

    @Test(arguments: Precision.allCases)
    func whatIsMappedSpeaksLikeWhatWasPacked(_ precision: Precision) throws {
        let (packed, pack) = try pack(precision)
        #expect(pack.path == folder.path("model.safetensors.ema.\(precision.rawValue).skaldpack"))
        let found = try #require(packs.find(origin(precision)))
        let mapped = try found.load(precision: precision) { configuration.model($0) }
        #expect(flow(mapped).array == flow(packed).array)
        // Twice, for the pages given back after the first time table.
        #expect(flow(mapped).array == flow(packed).array)
    }

    /// Download caches keep a file under its hash, and links to it.
    @Test func aLinkIsAsLargeAsWhatItLeadsTo() throws {
        let link = folder.path("link.safetensors")
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: model)
        let linked = try FileState(link)
        #expect(try linked.size == FileState(model).size && linked.size > 10_000)
    }

    /// Rounded weights still compute the same function: the golden forward, less exactly.
    @Test(arguments: [Precision.bf16, .int8])
    func theFlowIsThatOfFloat32(_ precision: Precision) throws {
        let exact = flow(try TinyModel.load("dit_tiny_v1")).array
        let quick = flow(try pack(precision).0).array
        let difference = zip(exact, quick).reduce(0.0) {
            $0 + Double(($1.0 - $1.1) * ($1.0 - $1.1))
        }
        let whole = exact.reduce(0.0) { $0 + Double($1 * $1) }
        let error = (difference / whole).squareRoot()
        #expect(error < (precision == .bf16 ? 0.02 : 0.05), "\(precision): \(error)")
        #expect(error > 1e-5, "nothing was rounded")
    }

    @Test func aTouchedFileKeepsItsPackAndAChangedOneDoesNot() throws {
        _ = try pack(.bf16)
        let later = Date(timeIntervalSinceNow: 60)
        try FileManager.default.setAttributes([.modificationDate: later], ofItemAtPath: model)
        #expect(packs.find(try origin(.bf16)) != nil)
        #expect(packs.find(try origin(.int8)) == nil)
        var bytes = [UInt8](try Data(contentsOf: URL(filePath: model)))
        bytes[bytes.count - 3] ^= 1
        try Data(bytes).write(to: URL(filePath: model))
        // A file system's clock may not have moved on since the copy was made.
        let latest = Date(timeIntervalSinceNow: 120)
        try FileManager.default.setAttributes([.modificationDate: latest], ofItemAtPath: model)
        #expect(packs.find(try origin(.bf16)) == nil)
    }

    /// A trainer may put new weights in place while the old ones are packed.
    @Test func weightsThatAreReplacedMeanwhileGetNoPack() throws {
        let before = try origin(.bf16)
        let (_, parts) = try load(.bf16)
        var bytes = [UInt8](try Data(contentsOf: URL(filePath: model)))
        bytes[bytes.count - 3] ^= 1
        try Data(bytes).write(to: URL(filePath: model), options: .atomic)
        let (pack, note) = packs.write(parts, of: before)
        #expect(pack == nil && note.contains("was changed"), "\(note)")
        #expect(packs.find(try origin(.bf16)) == nil)
        #expect(try folder.names.filter { $0.contains("skaldpack") }.isEmpty)
        #expect(folder.names(in: "own").isEmpty)
    }

    /// What was found out of a touched file is remembered, for as long as nobody touches it again.
    @Test func aTouchedFileIsReadOnce() throws {
        func touch(_ seconds: Double) throws {
            let later = Date(timeIntervalSinceNow: seconds)
            try FileManager.default.setAttributes([.modificationDate: later], ofItemAtPath: model)
        }
        _ = try pack(.bf16)
        #expect(folder.names(in: "own").isEmpty)
        try touch(60)
        #expect(packs.find(try origin(.bf16)) != nil)
        let name = try #require(folder.names(in: "own").first)
        #expect(folder.names(in: "own").count == 1 && name.hasSuffix("model.safetensors.hash.json"))
        let kept = try String(contentsOfFile: folder.path("own/" + name), encoding: .utf8)
        #expect(packs.find(try origin(.bf16)) != nil)
        // Were the file read again, it would not matter what is remembered.
        try folder.write(
            kept.replacing(#""hash":""#, with: #""hash":"other "#), to: "own/" + name)
        #expect(packs.find(try origin(.bf16)) == nil)
        try touch(120)
        #expect(packs.find(try origin(.bf16)) != nil)
        // Where nothing can be kept, it is read every time.
        try touch(180)
        let nowhere = WeightPacks(folder: "/dev/null/packs", smallestFile: 0)
        for _ in 0..<2 { #expect(nowhere.find(try origin(.bf16)) != nil) }
    }

    /// A parameter in memory that is lent, and counts how often it is given back.
    private final class LentParameter: MappedMemory {
        private let tensor: Tensor
        private(set) var returns = 0

        init(_ tensor: Tensor) { self.tensor = tensor }

        var lent: Tensor {
            Tensor(
                storage: Storage(borrowing: tensor.base, count: tensor.count, owner: self),
                shape: tensor.shape)
        }

        func releasePages(_ bytes: UnsafeRawBufferPointer) {
            returns += bytes.baseAddress == UnsafeRawPointer(tensor.base) ? 1 : 0
        }
    }

    /// The weights of AdaLN are given back when a table is made of them, and no others.
    @Test func whatATableWasMadeOfIsGivenBack() throws {
        let resolved = try EMAResolution.resolve(.open(model), source: .ema)
        let parameters = try resolved.tensors.filter { $0.value.elementType.isFloatingPoint }
            .mapValues { LentParameter(try $0.tensor()) }
        let backbone = Weights.values(parameters.mapValues(\.lent)) { configuration.model($0) }
        func returns() -> [String: Int] { parameters.mapValues(\.returns) }
        let before = returns()
        _ = backbone.timeTable([0, 0.3])
        let after = returns()
        let given = after.filter { $0.value > before[$0.key] ?? 0 }.keys.sorted()
        let blocks = (0..<configuration.depth).map {
            "transformer.transformer_blocks.\($0).attn_norm.linear.weight"
        }
        #expect(given == ["transformer.norm_out.linear.weight"] + blocks)
        // They are still there for another schedule.
        let table = backbone.timeTable([0, 0.3])
        #expect(table.layers.allSatisfy { $0.array.contains { $0 != 0 } })
    }

    /// Given back, the pages of a mapped file are not this process's any more, until they are read again.
    @Test(.enabled(if: FileManager.default.isReadableFile(atPath: "/proc/self/pagemap")))
    func pagesAreGivenBack() throws {
        let (page, count) = (Int(sysconf(Int32(_SC_PAGESIZE))), 64)
        let file = try MappedFile(
            folder.write([UInt8](repeating: 7, count: count * page), as: "pages"))
        func resident() -> Int {
            let descriptor = open("/proc/self/pagemap", O_RDONLY)
            defer { close(descriptor) }
            var entries = [UInt64](repeating: 0, count: count)
            let first = Int(bitPattern: file.bytes.baseAddress) / page
            let size = pread(descriptor, &entries, count * 8, first * 8)
            #expect(size == count * 8)
            return entries.count { $0 >> 63 == 1 }
        }
        func sum() -> Int { file.bytes.reduce(0) { $0 + Int($1) } }
        #expect(sum() == 7 * count * page)
        #expect(resident() == count)
        // Only those that lie wholly in what is given back.
        file.releasePages(UnsafeRawBufferPointer(rebasing: file.bytes[page - 1..<60 * page + 1]))
        #expect(resident() == count - 59)
        #expect(sum() == 7 * count * page)
        #expect(resident() == count)
    }

    @Test func whereTheModelCannotBeWrittenOurFolderIs() throws {
        let taken = folder.path("model.safetensors.ema.bf16.skaldpack/file")
        try folder.write("in the way", to: "model.safetensors.ema.bf16.skaldpack/file")
        let (_, pack) = try pack(.bf16)
        #expect(pack.path.hasPrefix(folder.path("own")))
        #expect(packs.find(try origin(.bf16))?.path == pack.path)
        #expect(FileManager.default.fileExists(atPath: taken))
    }

    /// A start that is killed while it packs leaves a file beside the model, as large as the pack.
    @Test func whatAKilledStartLeftIsRemoved() throws {
        let name = "model.safetensors.ema.bf16.skaldpack"
        let left = ".\(name).17.part"
        let others = [".\(name).part", ".model.safetensors.ema.int8.skaldpack.17.part"]
        for file in [left] + others { try folder.write("half of it", to: file) }
        let before = Set(try folder.names)
        let writer = try OutputFile(folder.path(name))
        let written = Set(try folder.names).subtracting(before)
        #expect(written.count == 1)
        try withExtendedLifetime(writer) {
            _ = try pack(.bf16)
            #expect(
                try Set(folder.names)
                    == before.subtracting([left]).union(written).union([name]))
        }
    }

    private func description() -> ModelDescription {
        ModelDescription(
            name: "tiny", backbone: configuration, versionOrigin: .argument, weightsPath: model,
            vocabularyPath: "", melType: .vocos, dropout: nil, vocoderPath: "", notes: [])
    }

    @Test func whereNothingCanBeWrittenItIsPackedInMemory() throws {
        try folder.write("in the way", to: "model.safetensors.ema.bf16.skaldpack/file")
        let nowhere = WeightPacks(folder: "/dev/null/packs", smallestFile: 0)
        let (backbone, weights) = try description().loadBackbone(
            .ema, precision: .bf16, packs: nowhere)
        #expect(
            weights.notes.contains { $0.contains("will be packed again at the next start") },
            "\(weights.notes)")
        let (packed, _) = try load(.bf16)
        #expect(flow(backbone).array == flow(packed).array)
    }

    enum Damage: CaseIterable {
        case cut, header, format, parameter

        func applied(to bytes: [UInt8]) -> [UInt8] {
            func replacing(_ text: String, with other: String) -> [UInt8] {
                bytes.replacing(Array(text.utf8), with: Array(other.utf8))
            }
            switch self {
            case .cut: return Array(bytes.dropLast(100))
            case .header: return [UInt8](repeating: 0xFF, count: 8) + bytes.dropFirst(8)
            case .format: return replacing("skaldpack 1", with: "skaldpack 0")
            case .parameter:
                return replacing("transformer.proj_out", with: "Transformer.proj_out")
            }
        }
    }

    @Test(arguments: Damage.allCases) func aDamagedPackIsMadeAnew(_ damage: Damage) throws {
        let (backbone, pack) = try pack(.bf16)
        let whole = [UInt8](try Data(contentsOf: URL(filePath: pack.path)))
        let damaged = damage.applied(to: whole)
        #expect(damaged != whole)
        try Data(damaged).write(to: URL(filePath: pack.path), options: .atomic)
        let (again, weights) = try description().loadBackbone(
            .ema, precision: .bf16, packs: packs)
        #expect(weights.notes.contains("packed the weights into \(pack.path)"))
        #expect(flow(again).array == flow(backbone).array)
        #expect([UInt8](try Data(contentsOf: URL(filePath: pack.path))) == whole)
        let later = try description().loadBackbone(.ema, precision: .bf16, packs: packs)
        #expect(!later.weights.notes.contains { $0.hasPrefix("packed") })
    }

    @Test func aDamagedPackIsNotUsed() throws {
        let (_, pack) = try pack(.bf16)
        let bytes = [UInt8](try Data(contentsOf: URL(filePath: pack.path)))
        try Data(bytes.dropLast(100)).write(to: URL(filePath: pack.path))
        #expect(packs.find(try origin(.bf16)) == nil)
        // A parameter under another name: whole as a file, but not what the model asks for.
        let text = Array("transformer.proj_out".utf8)
        let place = try #require(
            bytes.indices.dropLast(text.count).first {
                Array(bytes[$0..<$0 + text.count]) == text
            })
        var renamed = bytes
        renamed[place] = UInt8(ascii: "T")
        try Data(renamed).write(to: URL(filePath: pack.path))
        let damaged = try #require(packs.find(origin(.bf16)))
        #expect(throws: CheckpointError.self) {
            try damaged.load(precision: .bf16) { configuration.model($0) }
        }
    }

    @Test func theHashSeesEveryByte() {
        let bytes = (0..<200).map { UInt8($0) }
        func hash(_ bytes: [UInt8]) -> String { bytes.withUnsafeBytes { ContentHash.of($0) } }
        var seen: Set<String> = [hash(bytes), hash(bytes + [0])]
        for index in bytes.indices {
            var other = bytes
            other[index] ^= 0x80
            seen.insert(hash(other))
        }
        #expect(seen.count == bytes.count + 2)
    }
}
