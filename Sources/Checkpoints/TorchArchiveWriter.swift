/// Writes zip files as `torch.save` does, for `torch.load(weights_only=True)` and official F5-TTS.
///
/// Entries are stored, and each storage begins at a multiple of 64 bytes, so that the file can be
/// mapped and used as it is. Mirrors `_save` of `torch/serialization.py`.
package enum TorchArchiveWriter {
    private static let alignment = 64

    /// Writes `value` to `path`, whole or not at all.
    ///
    /// Offsets of `wide` and above get zip64 fields (tests lower it to see them written). Errors:
    /// `cannotWrite`, `unsupported` for a single tensor of 4 GiB, and what making a tensor's values
    /// throws.
    package static func write(
        _ value: OutputValue, to path: String, wide: Int = Int(UInt32.max)
    ) throws(CheckpointError) {
        let pickle = PickleWriter(value)
        var archive = Archive(file: try OutputFile(path), wide: wide)
        try archive.add("data.pkl", pickle.bytes)
        try archive.add("byteorder", Array("little".utf8))
        for (index, tensor) in pickle.tensors.enumerated() {
            guard tensor.byteCount < Int(UInt32.max) else {
                throw CheckpointError(
                    .unsupported, file: path, tensor: tensor.name,
                    "has 4 GiB or more; write safetensors instead")
            }
            try archive.add("data/\(index)", size: tensor.byteCount) {
                sink throws(CheckpointError) in try tensor.write(sink)
            }
        }
        try archive.add("version", Array("3\n".utf8))
        try archive.finish()
    }

    /// A zip archive under construction.
    private struct Archive {
        let file: OutputFile
        let wide: Int
        var directory: [UInt8] = []
        var count = 0

        typealias Sink = (UnsafeRawBufferPointer) throws(CheckpointError) -> Void

        mutating func add(_ name: String, _ bytes: [UInt8]) throws(CheckpointError) {
            let buffer = ByteBuffer(count: bytes.count)
            buffer.mutableBytes.copyBytes(from: bytes)
            try add(name, size: bytes.count) { sink throws(CheckpointError) in
                try sink(buffer.bytes)
            }
        }

        /// Adds an entry of `size` bytes, which `write` gives to a sink.
        mutating func add(
            _ name: String, size: Int, _ write: (Sink) throws(CheckpointError) -> Void
        ) throws(CheckpointError) {
            let name = Array("archive/\(name)".utf8)
            let offset = file.position
            // An extra field of PyTorch's kind ("FB") pads the data to its alignment.
            let unpadded = offset + 30 + name.count + 4
            let padding = (alignment - unpadded % alignment) % alignment
            var header = Bytes()
            header.add32(0x0403_4B50)
            header.addCommon(checksum: 0, size: size, nameLength: name.count, extra: padding + 4)
            header.bytes += name
            header.add16(0x4246)
            header.add16(padding)
            header.bytes += [UInt8](repeating: UInt8(ascii: "Z"), count: padding)
            try file.write(header.bytes)
            var checksum: UInt32 = 0
            let start = file.position
            try write { bytes throws(CheckpointError) in
                checksum = Zlib.checksum(bytes, from: checksum)
                try file.write(bytes)
            }
            precondition(file.position - start == size, "TorchArchiveWriter: size of \(name)")
            // The checksum is known only now, and stands before the data.
            var late = Bytes()
            late.add32(Int(checksum))
            try file.overwrite(late.bytes, at: offset + 14)
            addToDirectory(name, offset: offset, size: size, checksum: checksum)
        }

        private mutating func addToDirectory(
            _ name: [UInt8], offset: Int, size: Int, checksum: UInt32
        ) {
            let isWide = offset >= wide
            var entry = Bytes()
            entry.add32(0x0201_4B50)
            entry.add16(45)
            entry.addCommon(
                checksum: checksum, size: size, nameLength: name.count, extra: isWide ? 12 : 0)
            // Comment, disk, internal and external attributes.
            entry.add16(0)
            entry.add16(0)
            entry.add16(0)
            entry.add32(0)
            entry.add32(isWide ? Int(UInt32.max) : offset)
            entry.bytes += name
            if isWide {
                entry.add16(1)
                entry.add16(8)
                entry.add64(offset)
            }
            directory += entry.bytes
            count += 1
        }

        func finish() throws(CheckpointError) {
            let offset = file.position
            var end = Bytes()
            end.bytes = directory
            let isWide = offset >= wide || count >= Int(UInt16.max)
            if isWide {
                let record = offset + directory.count
                end.add32(0x0606_4B50)
                end.add64(44)
                end.add16(45)
                end.add16(45)
                end.add32(0)
                end.add32(0)
                end.add64(count)
                end.add64(count)
                end.add64(directory.count)
                end.add64(offset)
                end.add32(0x0706_4B50)
                end.add32(0)
                end.add64(record)
                end.add32(1)
            }
            end.add32(0x0605_4B50)
            end.add16(0)
            end.add16(0)
            end.add16(isWide ? Int(UInt16.max) : count)
            end.add16(isWide ? Int(UInt16.max) : count)
            end.add32(isWide ? Int(UInt32.max) : directory.count)
            end.add32(isWide ? Int(UInt32.max) : offset)
            end.add16(0)
            try file.write(end.bytes)
            try file.commit()
        }
    }

    /// Little-endian fields.
    private struct Bytes {
        var bytes: [UInt8] = []

        mutating func add16(_ value: Int) { add(value, 2) }
        mutating func add32(_ value: Int) { add(value, 4) }
        mutating func add64(_ value: Int) { add(value, 8) }

        private mutating func add(_ value: Int, _ count: Int) {
            for index in 0..<count { bytes.append(UInt8(truncatingIfNeeded: value >> (index * 8))) }
        }

        /// What a local header and a directory entry share: from version to extra length.
        mutating func addCommon(checksum: UInt32, size: Int, nameLength: Int, extra: Int) {
            add16(45)
            // Names are UTF-8.
            add16(0x800)
            // Stored; midnight of 1 January 1980, so that equal weights give equal files.
            add16(0)
            add16(0)
            add16(0x21)
            add32(Int(checksum))
            add32(size)
            add32(size)
            add16(nameLength)
            add16(extra)
        }
    }
}
