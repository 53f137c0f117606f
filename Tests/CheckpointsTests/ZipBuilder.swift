import Foundation

@testable import Checkpoints

/// Makes zip archives, sound ones and others.
struct ZipBuilder {
    /// One entry, with whatever the directory is to say of it.
    struct Entry {
        var name: String
        var data: [UInt8]
        var isDeflated = false
        /// Uncompressed size; that of `data` unless said.
        var size: Int?
        var checksum: UInt32?
        var hasDescriptor = false
        /// The name in the local header, if it is to differ.
        var localName: String?
        /// Where the directory says the local header is, if elsewhere.
        var offset: Int?
        var flags: UInt16 = 0
        var method: UInt16?
    }

    static func archive(_ entries: [Entry], comment: [UInt8] = [], zip64: Bool = false) -> [UInt8] {
        var bytes: [UInt8] = []
        var directory: [UInt8] = []
        for entry in entries {
            let offset = entry.offset ?? bytes.count
            let method = entry.method ?? (entry.isDeflated ? 8 : 0)
            let flags = entry.flags | (entry.hasDescriptor ? 8 : 0)
            let size = entry.size ?? entry.data.count
            let checksum = entry.checksum ?? entry.data.withUnsafeBytes { Zlib.checksum($0) }
            let local = Array((entry.localName ?? entry.name).utf8)
            let name = Array(entry.name.utf8)
            let none = entry.hasDescriptor
            bytes += le(0x0403_4B50, 4) + le(20, 2) + le(Int(flags), 2) + le(Int(method), 2)
            bytes += le(0, 4) + le(none ? 0 : Int(checksum), 4)
            bytes += le(none ? 0 : entry.data.count, 4) + le(none ? 0 : size, 4)
            bytes += le(local.count, 2) + le(0, 2) + local + entry.data
            if none {
                bytes += le(0x0807_4B50, 4) + le(Int(checksum), 4) + le(entry.data.count, 4)
                bytes += le(size, 4)
            }
            directory += le(0x0201_4B50, 4) + le(20, 2) + le(20, 2) + le(Int(flags), 2)
            directory += le(Int(method), 2) + le(0, 4) + le(Int(checksum), 4)
            if zip64 {
                directory += le(0xFFFF_FFFF, 4) + le(0xFFFF_FFFF, 4) + le(name.count, 2) + le(28, 2)
                directory += le(0, 2) + le(0, 2) + le(0, 2) + le(0, 4) + le(0xFFFF_FFFF, 4) + name
                directory += le(1, 2) + le(24, 2) + le(size, 8) + le(entry.data.count, 8)
                directory += le(offset, 8)
            } else {
                directory += le(entry.data.count, 4) + le(size, 4) + le(name.count, 2) + le(0, 2)
                directory += le(0, 2) + le(0, 2) + le(0, 2) + le(0, 4) + le(offset, 4) + name
            }
        }
        let start = bytes.count
        bytes += directory
        if zip64 {
            let record = bytes.count
            bytes += le(0x0606_4B50, 4) + le(44, 8) + le(45, 2) + le(45, 2) + le(0, 8)
            bytes += le(entries.count, 8) + le(entries.count, 8) + le(directory.count, 8)
            bytes += le(start, 8) + le(0x0706_4B50, 4) + le(0, 4) + le(record, 8) + le(1, 4)
        }
        bytes += le(0x0605_4B50, 4) + le(0, 4)
        bytes += le(zip64 ? 0xFFFF : entries.count, 2) + le(zip64 ? 0xFFFF : entries.count, 2)
        bytes += le(zip64 ? 0xFFFF_FFFF : directory.count, 4)
        bytes += le(zip64 ? 0xFFFF_FFFF : start, 4) + le(comment.count, 2) + comment
        return bytes
    }

    /// A torch file around `pickle`, with one storage of six floats.
    static func torch(_ pickle: [UInt8], deflated: Bool = false) throws -> [UInt8] {
        let floats = (0..<6).flatMap { le(Int(Float($0).bitPattern), 4) }
        return archive([
            try entry("a/data.pkl", pickle, deflated: deflated),
            try entry("a/data/0", floats, deflated: deflated),
        ])
    }

    /// An entry of `data`, deflated if asked.
    static func entry(_ name: String, _ data: [UInt8], deflated: Bool) throws -> Entry {
        guard deflated else { return Entry(name: name, data: data) }
        let packed = try StoredBlocks.deflate(data)
        return Entry(
            name: name, data: packed, isDeflated: true, size: data.count,
            checksum: data.withUnsafeBytes { Zlib.checksum($0) })
    }

    /// `{"x": tensor of shape [2, 3]}`.
    static let smallPickle = tensorPickle(shape: [2, 3], strides: [3, 1])

    /// `{"x": tensor}` with any shape and strides over storage "0" of six floats.
    static func tensorPickle(
        shape: [Int], strides: [Int], offset: Int = 0, count: Int = 6, key: String = "0"
    ) -> [UInt8] {
        var p: [UInt8] = [0x80, 2] + ascii("}X") + le(1, 4) + ascii("x")
        p += ascii("ctorch._utils\n_rebuild_tensor_v2\n((X") + le(7, 4) + ascii("storage")
        p += ascii("ctorch\nFloatStorage\nX") + le(key.utf8.count, 4) + ascii(key) + ascii("X")
        p += le(3, 4) + ascii("cpu") + long(count) + ascii("tQ") + long(offset)
        p += ascii("(") + shape.flatMap { long($0) } + ascii("t")
        p += ascii("(") + strides.flatMap { long($0) } + ascii("t")
        return p + [0x89] + ascii("ccollections\nOrderedDict\n)RtRs.")
    }

    static func ascii(_ text: String) -> [UInt8] { Array(text.utf8) }

    static func long(_ value: Int) -> [UInt8] { [0x8A, 8] + le(value, 8) }

    static func le(_ value: Int, _ count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
    }
}

/// Deflate without compression: enough to make valid streams.
enum StoredBlocks {
    static func deflate(_ data: [UInt8]) throws -> [UInt8] {
        var result: [UInt8] = []
        var rest = data[...]
        repeat {
            let block = rest.prefix(0xFFFF)
            rest = rest.dropFirst(block.count)
            result += [rest.isEmpty ? 1 : 0] + ZipBuilder.le(block.count, 2)
            result += ZipBuilder.le(~block.count, 2) + block
        } while !rest.isEmpty
        return result
    }
}
