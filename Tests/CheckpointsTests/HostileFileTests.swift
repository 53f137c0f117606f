import Foundation
import Tensors
import TestSupport
import Testing

@testable import Checkpoints

/// Archives and pickles made to exhaust, to deceive or to run something.
@Suite struct HostileFileTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func open(_ bytes: [UInt8]) throws -> CheckpointFile {
        try CheckpointFile.open(folder.write(bytes, as: "file.pt"))
    }

    private func code(_ bytes: [UInt8]) -> CheckpointError.Code? {
        #expect(throws: CheckpointError.self) { try open(bytes) }?.code
    }

    private func torch(_ pickle: String) throws -> [UInt8] {
        try ZipBuilder.torch([0x80, 2] + Array(pickle.utf8))
    }

    private func tensor(_ file: CheckpointFile) throws -> StoredTensor {
        guard case .tree(let root) = file.contents, case .tensor(let tensor) = root["x"] else {
            throw Fixtures.Missing(what: "x")
        }
        return tensor
    }

    // MARK: zip

    @Test func soundArchivesAreRead() throws {
        let floats = (0..<6).flatMap { ZipBuilder.le(Int(Float($0).bitPattern), 4) }
        for descriptor in [false, true] {
            for zip64 in [false, true] {
                for comment in [[], Array("PK\u{5}\u{6} not the end".utf8)] {
                    var entries = [
                        ZipBuilder.Entry(name: "a/data.pkl", data: ZipBuilder.smallPickle),
                        ZipBuilder.Entry(name: "a/data/0", data: floats),
                    ]
                    for index in entries.indices { entries[index].hasDescriptor = descriptor }
                    let bytes = ZipBuilder.archive(entries, comment: comment, zip64: zip64)
                    #expect(try tensor(open(bytes)).tensor().array == [0, 1, 2, 3, 4, 5])
                }
            }
        }
        let deflated = try ZipBuilder.torch(ZipBuilder.smallPickle, deflated: true)
        #expect(try tensor(open(deflated)).tensor().array == [0, 1, 2, 3, 4, 5])
    }

    @Test func deceivingArchivesAreRefused() throws {
        let pickle = ZipBuilder.Entry(name: "a/data.pkl", data: ZipBuilder.smallPickle)
        let storage = ZipBuilder.Entry(name: "a/data/0", data: [UInt8](repeating: 0, count: 24))
        func refused(
            _ expected: CheckpointError.Code, _ change: (inout ZipBuilder.Entry) -> Void,
            sourceLocation: SourceLocation = #_sourceLocation
        ) {
            var changed = storage
            change(&changed)
            #expect(
                code(ZipBuilder.archive([pickle, changed])) == expected,
                sourceLocation: sourceLocation)
        }
        refused(.badHeader) { $0.localName = "a/data/1" }
        refused(.badHeader) { $0.offset = 0 }
        refused(.badHeader) { $0.offset = 1 << 30 }
        refused(.badHeader) { $0.name = "a/data.pkl" }
        refused(.badHeader) { $0.size = 25 }
        refused(.unsupported) { $0.flags = 1 }
        refused(.unsupported) { $0.method = 14 }
        // Sizes that no deflated data of that length can have.
        refused(.tooLarge) {
            $0.method = 8
            $0.size = 1 << 30
        }
        #expect(code(ZipBuilder.archive([storage])) == .notACheckpoint)
        #expect(code(ZipBuilder.archive([])) == .notACheckpoint)
        var second = pickle
        second.name = "b/data.pkl"
        #expect(code(ZipBuilder.archive([pickle, second])) == .notACheckpoint)
        var big = ZipBuilder.Entry(name: "a/byteorder", data: Array("big".utf8))
        #expect(code(ZipBuilder.archive([pickle, storage, big])) == .unsupported)
        big.data = Array("little".utf8)
        #expect(throws: Never.self) { try open(ZipBuilder.archive([pickle, storage, big])) }
    }

    @Test func inflationIsBoundedByTheFile() throws {
        // Each entry's ratio is possible; together they are far beyond what the file justifies.
        let packed = [UInt8](repeating: 0xAA, count: 20_000)
        let entries = (0..<30).map { index in
            ZipBuilder.Entry(
                name: "a/data/\(index)", data: packed, isDeflated: true, size: 20_000_000)
        }
        #expect(code(ZipBuilder.archive(entries)) == .tooLarge)
    }

    @Test func damagedDeflateIsRefusedWhenRead() throws {
        let pickle = ZipBuilder.Entry(name: "a/data.pkl", data: ZipBuilder.smallPickle)
        let data = [UInt8](repeating: 7, count: 24)
        for change in 0..<4 {
            var storage = try ZipBuilder.entry("a/data/0", data, deflated: true)
            switch change {
            case 0: storage.checksum = 1
            case 1: storage.data[0] = 0xFF
            case 2: storage.data.removeLast()
            default: storage.data.append(0)
            }
            let tensor = try tensor(open(ZipBuilder.archive([pickle, storage])))
            let error = #expect(throws: CheckpointError.self) { try tensor.tensor() }
            #expect(error?.code == .badHeader)
        }
    }

    // MARK: tensors

    @Test(
        arguments: [
            ([7], [1], 0, 6), ([2, 3], [4, 1], 0, 6), ([6], [1], 1, 6), ([1], [1], 6, 6),
            ([1 << 40], [0], 0, 6), ([7], [0], 0, 6), ([2], [Int.max], 0, 6), ([2, 3], [3], 0, 6),
            ([2, 3], [3, 1], 0, 7), ([2, 3], [3, 1], 0, Int.max), ([1], [1], Int.max, 6),
            ([Int.max, Int.max], [0, 0], 0, 6), ([0, Int.max, Int.max], [1, 1, 1], 0, 6),
        ] as [([Int], [Int], Int, Int)])
    func viewsBeyondTheirStorageAreRefused(
        shape: [Int], strides: [Int], offset: Int, count: Int
    ) throws {
        let pickle = ZipBuilder.tensorPickle(
            shape: shape, strides: strides, offset: offset, count: count)
        let bytes = try ZipBuilder.torch(pickle)
        let error = #expect(throws: CheckpointError.self) { try open(bytes) }
        #expect(error?.code == .badTensor && error?.tensor == "x")
    }

    @Test func expandedViewsWithinTheirStorageAreRead() throws {
        let row = try tensor(
            open(ZipBuilder.torch(ZipBuilder.tensorPickle(shape: [2, 3], strides: [0, 1]))))
        #expect(try row.tensor().array == [0, 1, 2, 0, 1, 2])
        let columns = try tensor(
            open(
                ZipBuilder.torch(
                    ZipBuilder.tensorPickle(shape: [2, 1, 2], strides: [1, 9, 3], offset: 1))))
        #expect(try columns.tensor().array == [1, 4, 2, 5])
    }

    @Test(arguments: [-1, -1 << 40])
    func negativeSizesAreRefused(value: Int) throws {
        for pickle in [
            ZipBuilder.tensorPickle(shape: [value], strides: [1]),
            ZipBuilder.tensorPickle(shape: [1], strides: [value]),
            ZipBuilder.tensorPickle(shape: [1], strides: [1], offset: value),
            ZipBuilder.tensorPickle(shape: [1], strides: [1], count: value),
        ] {
            let error = code(try ZipBuilder.torch(pickle))
            #expect(error == .badPickle || error == .badTensor)
        }
    }

    @Test func storageKeysAreNamesNotPaths() throws {
        for key in ["../data/0", "/etc/passwd", "", "1"] {
            let pickle = ZipBuilder.tensorPickle(shape: [1], strides: [1], key: key)
            #expect(code(try ZipBuilder.torch(pickle)) == .badTensor)
        }
    }

    // MARK: pickle

    @Test(arguments: [
        "cos\nsystem\n.", "cbuiltins\nexec\n.", "cbuiltins\ngetattr\n.", "ctorch\nload\n.",
        "ctorch.hub\nload\n.", "ctorch\n__builtins__\n.", "cnumpy.core.multiarray\nscalar\n.",
        "ctorch._utils\n_rebuild_tensor_v2.__globals__\n.", "c\n\n.", "csubprocess\nPopen\n.",
        "X\u{2}\u{0}\u{0}\u{0}osX\u{6}\u{0}\u{0}\u{0}system\u{93}.",
    ])
    func everyOtherGlobalIsRefused(pickle: String) throws {
        // The last one is STACK_GLOBAL, whose opcode is no ASCII.
        let bytes = pickle.unicodeScalars.map { UInt8($0.value) }
        let error = #expect(throws: CheckpointError.self) {
            try open(ZipBuilder.torch([0x80, 4] + bytes))
        }
        #expect(error?.code == .forbiddenGlobal)
        #expect(error?.detail.contains("nothing was run") == true)
    }

    @Test func namesInMessagesCantForgeOutput() throws {
        let name = "os\u{1B}[2J" + String(repeating: "x", count: 500)
        let error = #expect(throws: CheckpointError.self) { try open(torch("c\(name)\nf\n.")) }
        #expect(error?.detail.contains("\u{1B}") == false)
        #expect((error?.detail.count ?? 999) < 400)
    }

    @Test(arguments: [
        "", ".", "(.", "K", "X\u{FF}", "h\u{5}.", "a.", "]]s.", "}K\u{1}s.", "}(K\u{1}u.",
        "(K\u{1}d.",
        "t.", "]b.", "NR.", "N(tR.", "NQ.", "(tQ.", "))", "i", "o", "P1\n.", "\u{7F}", "I1\n.",
        "ctorch\nFloatStorage\n.", "ctorch\nFloatStorage\n)R.", "ccollections\nOrderedDict\n.",
        "ctorch._utils\n_rebuild_tensor_v2\n)R.", "ctorch._utils\n_rebuild_parameter\n)R.",
        "ctorch\nSize\n)R.", "ccollections\nOrderedDict\n(K\u{1}tR.", "(K\u{1}0.", "1.",
    ])
    func malformedPicklesAreRefused(pickle: String) throws {
        let bytes = try ZipBuilder.torch([0x80, 2] + pickle.unicodeScalars.map { UInt8($0.value) })
        let error = code(bytes)
        #expect(error == .badPickle || error == .truncated, "\(pickle)")
    }

    @Test func cyclesDepthAndExplosionsAreRefused() throws {
        // A list that holds itself.
        #expect(code(try torch("]q\u{0}h\u{0}a.")) == .badPickle)
        // Nesting far beyond any recursion, closed from inside out and from outside in.
        let deep = 100_000
        let inner = String(repeating: "]", count: deep) + String(repeating: "a", count: deep - 1)
        #expect(code(try torch(inner + ".")) == .badPickle)
        let tuples = ")" + String(repeating: "\u{1}", count: deep)
        let chain = Array(tuples.utf8).map { $0 == 1 ? 0x85 : $0 }
        #expect(code(try ZipBuilder.torch([0x80, 2] + chain + Array(".".utf8))) == .badPickle)
        // Forty levels of pairs of the level below: 2^40 values if anyone walked them.
        var pairs: [UInt8] = [0x80, 2] + Array(")q\u{0}".utf8)
        for level in 0..<40 {
            pairs += [0x68, UInt8(level), 0x86, 0x71, UInt8(level + 1), 0x68, UInt8(level + 1)]
        }
        pairs += Array("(".utf8)
        #expect(code(try ZipBuilder.torch(pairs + Array("t.".utf8))) == .badPickle)
        var sum: [UInt8] = [0x80, 2] + Array(")q\u{0}0".utf8)
        for level in 0..<40 {
            sum += [0x68, UInt8(level), 0x68, UInt8(level), 0x86, 0x71, UInt8(level + 1), 0x30]
        }
        #expect(code(try ZipBuilder.torch(sum + [0x68, 40, 0x2E])) == .badPickle)
    }

    @Test func memoryIsBoundedByThePickle() throws {
        // Lengths that the file does not have.
        for pickle: [UInt8] in [
            [0x58, 0xFF, 0xFF, 0xFF, 0xFF], [0x8D] + ZipBuilder.le(Int.max, 8),
            [0x8B, 0xFF, 0xFF, 0xFF, 0x7F],
            [0x8E] + ZipBuilder.le(-1, 8), [0x54, 0xFF, 0xFF, 0xFF, 0xFF],
            [0x8B] + ZipBuilder.le(-1, 4),
        ] {
            let error = code(try ZipBuilder.torch([0x80, 4] + pickle + [0x2E]))
            #expect(error == .truncated || error == .badPickle)
        }
        // More opcodes or stack than any checkpoint has.
        let empty = [UInt8](repeating: UInt8(ascii: ")"), count: 210_000)
        #expect(code(try ZipBuilder.torch([0x80, 2] + empty + [0x2E])) == .badPickle)
        let pops = (0..<510_000).flatMap { _ in [UInt8(ascii: "N"), UInt8(ascii: "0")] }
        #expect(code(try ZipBuilder.torch([0x80, 2] + pops + Array("N.".utf8))) == .badPickle)
    }

    /// A list that is there once becomes a dictionary again and again, each time with all of its items.
    @Test func whatCallsMakeIsBounded() throws {
        var pickle: [UInt8] = [0x80, 2] + Array("ccollections\nOrderedDict\nq\u{0}0]q\u{1}(".utf8)
        for _ in 0..<10_000 { pickle += [0x4B, 1, 0x4B, 2, 0x86] }
        pickle += Array("e0".utf8)
        for _ in 0..<2_000 { pickle += [0x68, 0, 0x68, 1, 0x85, 0x52, 0x30] }
        let bytes = try ZipBuilder.torch(pickle + Array("}.".utf8))
        let error = #expect(throws: CheckpointError.self) { try open(bytes) }
        #expect(error?.code == .badPickle && error?.detail.contains("makes far more") == true)
    }

    @Test func harmlessPicklesAreRead() throws {
        // Protocol 4 with frames, memoize, short strings, bytes, big integers, tuples of all sizes.
        var p: [UInt8] = [0x80, 4, 0x95] + ZipBuilder.le(99, 8) + Array("}".utf8) + [0x94]
        p += [0x28, 0x8C, 1, 0x61, 0x94, 0x43, 2, 1, 2]
        p += [0x8C, 1, 0x62, 0x8A, 9] + [UInt8](repeating: 0xFF, count: 8) + [0x00]
        p += [0x8C, 1, 0x63, 0x4B, 1, 0x4B, 2, 0x4B, 3, 0x87]
        p += [0x8C, 1, 0x64, 0x47] + [0xBF, 0xF8, 0, 0, 0, 0, 0, 0]
        p += [0x8C, 1, 0x65, 0x8A, 0, 0x8C, 1, 0x61, 0x4E]
        p += Array("u.".utf8)
        guard case .tree(let root) = try open(ZipBuilder.torch(p)).contents,
            case .bigInteger(let big) = root["b"], case .tuple(let tuple) = root["c"],
            case .float(-1.5) = root["d"], case .integer(0) = root["e"],
            // The later of equal keys counts.
            case CheckpointValue.none? = root["a"]
        else { throw Fixtures.Missing(what: "the values") }
        #expect(big.description == "18446744073709551615" && tuple.count == 3)
    }

    // MARK: safetensors

    @Test(
        arguments: [
            (
                #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#,
                CheckpointError.Code.badHeader
            ),
            (#"{"a":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#, .badHeader),
            (#"{"a":{"dtype":"F32","shape":[1]}}"#, .badHeader),
            (#"{"a":{"dtype":"F32","shape":[1.0],"data_offsets":[0,4]}}"#, .badHeader),
            (#"{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}"#, .badHeader),
            (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4,8]}}"#, .badHeader),
            (
                #"{"a":{"dtype":"F32","shape":[99999999999999999999],"data_offsets":[0,4]}}"#,
                .badHeader
            ),
            (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}"#, .badTensor),
            (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"x":1}}"#, .badHeader),
            (#"{"a":{"dtype":"F8_E4M3","shape":[4],"data_offsets":[0,4]}}"#, .unsupported),
            (
                #"{"__metadata__":{"a":1},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#,
                .badHeader
            ),
            (#"{"a\ud800":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#, .badHeader),
            (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}} x"#, .badHeader),
            (#"{"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]}}"#, .badHeader),
            (#"{"a":{"dtype":"U8","shape":[3],"data_offsets":[1,4]}}"#, .badTensor),
            ("{}", .badHeader),
            ("{", .badHeader),
        ] as [(String, CheckpointError.Code)])
    func oddHeadersAreRefused(header: String, expected: CheckpointError.Code) {
        let bytes = ZipBuilder.le(header.utf8.count, 8) + Array(header.utf8) + [0, 0, 0, 0]
        #expect(code(bytes) == expected)
    }

    @Test func oddButValidHeadersAreRead() throws {
        let header = """
             {\n "\\u0061\\ud83d\\ude00\\n" :\t{"shape":[ 1 , 1 ],"data_offsets":[0,4],"dtype":"F32"} }  
            """
        let text = String(header.drop(while: { $0 == " " }))
        let bytes = ZipBuilder.le(text.utf8.count, 8) + Array(text.utf8) + [0, 0, 0x80, 0x3F]
        guard case .tensors(let tensors, metadata: _) = try open(bytes).contents else { return }
        #expect(tensors.map(\.name) == ["a😀\n"])
        #expect(try tensors[0].tensor().array == [1])
    }
}
