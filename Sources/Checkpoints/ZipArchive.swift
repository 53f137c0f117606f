/// The directory of a zip archive, checked entry by entry against the file.
///
/// Reads what PyTorch and other writers make of weights: stored and deflated entries, zip64, data
/// descriptors. Nothing overlaps, every local header agrees with the directory, and the sizes are
/// ones that the file's own size justifies. Follows PKWARE's APPNOTE 6.3.
struct ZipArchive {
    /// Where an entry's data lies.
    struct Entry {
        let name: String
        let isDeflated: Bool
        /// Data as it lies in the file.
        let range: Range<Int>
        /// Size once inflated.
        let count: Int
        let checksum: UInt32
        let headerOffset: Int
    }

    let file: MappedFile
    private(set) var entries: [String: Entry] = [:]

    /// Deflate can't do better than 1,032 to 1, however simple the data.
    private static let largestRatio = 1032

    /// Whether `file` begins as a zip archive does.
    static func matches(_ file: MappedFile) -> Bool {
        file.integer(UInt32.self, at: 0) == Signature.local
    }

    /// Reads the directory of `file`.
    ///
    /// Errors: `truncated` when the directory is not at the end, `badHeader`, `unsupported`,
    /// `tooLarge`.
    init(_ file: MappedFile) throws(CheckpointError) {
        self.file = file
        let directory = try Directory(file)
        var inflated = 0
        var position = directory.range.lowerBound
        for _ in 0..<directory.count {
            let entry = try readEntry(&position, directory: directory.range)
            guard entries.updateValue(entry, forKey: entry.name) == nil else {
                throw refusal("the entry \"\(entry.name)\" is there twice")
            }
            if entry.isDeflated {
                let (sum, overflow) = inflated.addingReportingOverflow(entry.count)
                inflated = overflow ? .max : sum
            }
        }
        guard position == directory.range.upperBound else {
            throw refusal("the zip directory has another size than it announces")
        }
        // Weights hardly compress; only zeros (an untrained optimizer's state) do.
        guard inflated <= 16_000_000 + file.bytes.count.multipliedClamped(by: 20) else {
            throw CheckpointError(
                .tooLarge, file: file.path,
                "\(file.bytes.count) bytes claim to inflate to \(inflated), which no weights do; "
                    + "do not use this file")
        }
        var end = 0
        for entry in entries.values.sorted(by: { $0.headerOffset < $1.headerOffset }) {
            guard entry.headerOffset >= end else {
                throw refusal("the entry \"\(entry.name)\" overlaps another")
            }
            end = entry.range.upperBound
        }
    }

    /// The bytes of an entry, inflated when first needed.
    func bytes(_ entry: Entry) -> StoredBytes {
        guard entry.isDeflated else { return StoredBytes(file, range: entry.range) }
        return StoredBytes(
            file, deflated: entry.range,
            InflatedBytes(
                file, range: entry.range, count: entry.count, checksum: entry.checksum,
                entry: entry.name))
    }

    private func refusal(_ what: String) -> CheckpointError {
        CheckpointError(.badHeader, file: file.path, what + "; fetch the file again")
    }

    private func readEntry(
        _ position: inout Int, directory: Range<Int>
    ) throws(CheckpointError) -> Entry {
        guard position <= directory.upperBound - 46, let fields = Fields(file, at: position) else {
            throw refusal("the zip directory is cut short")
        }
        let nameStart = position + 46
        let extraStart = nameStart + fields.nameLength
        let extraEnd = extraStart + fields.extraLength
        let next = extraEnd + fields.commentLength
        guard next <= directory.upperBound else { throw refusal("the zip directory is cut short") }
        guard
            let name = String(validating: file.bytes[nameStart..<extraStart], as: UTF8.self),
            !name.isEmpty
        else { throw refusal("an entry's name is not valid UTF-8") }
        guard fields.flags & 0x2041 == 0 else {
            throw CheckpointError(
                .unsupported, file: file.path,
                "the entry \"\(name)\" is encrypted; save the weights without a password")
        }
        guard fields.method == 0 || fields.method == 8 else {
            throw CheckpointError(
                .unsupported, file: file.path,
                "the entry \"\(name)\" uses compression method \(fields.method); save it again "
                    + "with torch.save")
        }
        let sizes = try Zip64Sizes(
            file, fields, extra: extraStart..<extraEnd, refusal: refusal("bad sizes of \"\(name)\"")
        )
        let range = try localData(
            name: file.bytes[nameStart..<extraStart], fields, sizes, limit: directory.lowerBound,
            refusal: refusal("the entry \"\(name)\" does not agree with its own header"))
        if fields.method == 0 {
            guard sizes.compressed == sizes.size else { throw refusal("bad sizes of \"\(name)\"") }
        } else {
            let possible = sizes.compressed.multipliedClamped(by: Self.largestRatio)
            guard sizes.size <= possible else {
                throw CheckpointError(
                    .tooLarge, file: file.path,
                    "the entry \"\(name)\" claims more than its data can inflate to; do not use "
                        + "this file")
            }
        }
        position = next
        return Entry(
            name: name, isDeflated: fields.method == 8, range: range, count: sizes.size,
            checksum: fields.checksum, headerOffset: sizes.offset)
    }

    /// The range of an entry's data, by its local header.
    private func localData(
        name: Slice<UnsafeRawBufferPointer>, _ fields: Fields, _ sizes: Zip64Sizes, limit: Int,
        refusal: CheckpointError
    ) throws(CheckpointError) -> Range<Int> {
        let offset = sizes.offset
        guard offset <= limit - 30,
            file.integer(UInt32.self, at: offset) == Signature.local,
            let flags = file.integer(UInt16.self, at: offset + 6),
            let method = file.integer(UInt16.self, at: offset + 8),
            let compressed = file.integer(UInt32.self, at: offset + 18),
            let size = file.integer(UInt32.self, at: offset + 22),
            let nameLength = file.integer(UInt16.self, at: offset + 26),
            let extraLength = file.integer(UInt16.self, at: offset + 28),
            Int(method) == fields.method, Int(nameLength) == name.count
        else { throw refusal }
        let nameEnd = offset + 30 + Int(nameLength)
        let start = nameEnd + Int(extraLength)
        guard start <= limit, sizes.compressed <= limit - start,
            file.bytes[offset + 30..<nameEnd].elementsEqual(name)
        else { throw refusal }
        // With a data descriptor the local sizes may be 0; with zip64 they are all ones.
        let hasDescriptor = flags & 8 != 0
        func agrees(_ local: UInt32, _ value: Int) -> Bool {
            Int(local) == value || local == .max || (hasDescriptor && local == 0)
        }
        guard agrees(compressed, sizes.compressed), agrees(size, sizes.size) else { throw refusal }
        return start..<start + sizes.compressed
    }
}

extension ZipArchive {
    private enum Signature {
        static let local: UInt32 = 0x0403_4B50
        static let central: UInt32 = 0x0201_4B50
        static let end: UInt32 = 0x0605_4B50
        static let end64: UInt32 = 0x0606_4B50
        static let locator64: UInt32 = 0x0706_4B50
    }

    /// Where the central directory lies and how many entries it has.
    private struct Directory {
        var range: Range<Int>
        var count: Int

        init(_ file: MappedFile) throws(CheckpointError) {
            let size = file.bytes.count
            func damaged(_ what: String) -> CheckpointError {
                CheckpointError(.badHeader, file: file.path, what + "; fetch the file again")
            }
            let earliest = max(0, size - 22 - 0xFFFF)
            let found = stride(from: size - 22, through: earliest, by: -1).first { position in
                file.integer(UInt32.self, at: position) == Signature.end
                    && file.integer(UInt16.self, at: position + 20).map(Int.init)
                        == size - position - 22
            }
            guard let end = found,
                let entries = file.integer(UInt16.self, at: end + 10),
                let length = file.integer(UInt32.self, at: end + 12),
                let offset = file.integer(UInt32.self, at: end + 16)
            else {
                throw CheckpointError(
                    .truncated, file: file.path,
                    "the zip directory at the end is missing: the file is cut short; fetch it again"
                )
            }
            var start = Int(offset)
            var bytes = Int(length)
            count = Int(entries)
            var limit = end
            if entries == .max || length == .max || offset == .max
                || file.integer(UInt32.self, at: end - 20) == Signature.locator64
            {
                guard file.integer(UInt32.self, at: end - 20) == Signature.locator64,
                    let at = file.integer(UInt64.self, at: end - 12).flatMap(Int.init(exactly:)),
                    at <= end - 20 - 56, file.integer(UInt32.self, at: at) == Signature.end64,
                    let entries = file.integer(UInt64.self, at: at + 32),
                    let length = file.integer(UInt64.self, at: at + 40),
                    let offset = file.integer(UInt64.self, at: at + 48),
                    let exactCount = Int(exactly: entries),
                    let exactLength = Int(exactly: length),
                    let exactOffset = Int(exactly: offset)
                else { throw damaged("the zip64 directory is damaged") }
                (count, bytes, start, limit) = (exactCount, exactLength, exactOffset, at)
            }
            guard start <= limit, bytes <= limit - start, count <= bytes / 46 else {
                throw damaged("the zip directory does not lie inside the file")
            }
            range = start..<start + bytes
        }
    }

    /// The fixed part of a directory entry.
    private struct Fields {
        let flags: UInt16
        let method: Int
        let checksum: UInt32
        let compressed: UInt32
        let size: UInt32
        let nameLength: Int
        let extraLength: Int
        let commentLength: Int
        let offset: UInt32

        init?(_ file: MappedFile, at position: Int) {
            guard file.integer(UInt32.self, at: position) == Signature.central,
                let flags = file.integer(UInt16.self, at: position + 8),
                let method = file.integer(UInt16.self, at: position + 10),
                let checksum = file.integer(UInt32.self, at: position + 16),
                let compressed = file.integer(UInt32.self, at: position + 20),
                let size = file.integer(UInt32.self, at: position + 24),
                let nameLength = file.integer(UInt16.self, at: position + 28),
                let extraLength = file.integer(UInt16.self, at: position + 30),
                let commentLength = file.integer(UInt16.self, at: position + 32),
                let offset = file.integer(UInt32.self, at: position + 42)
            else { return nil }
            self.flags = flags
            self.method = Int(method)
            self.checksum = checksum
            self.compressed = compressed
            self.size = size
            self.nameLength = Int(nameLength)
            self.extraLength = Int(extraLength)
            self.commentLength = Int(commentLength)
            self.offset = offset
        }
    }

    /// Sizes and place of an entry, taken from the zip64 field where the fixed part is too narrow.
    private struct Zip64Sizes {
        var size: Int
        var compressed: Int
        var offset: Int

        init(
            _ file: MappedFile, _ fields: Fields, extra: Range<Int>, refusal: CheckpointError
        ) throws(CheckpointError) {
            size = Int(fields.size)
            compressed = Int(fields.compressed)
            offset = Int(fields.offset)
            guard fields.size == .max || fields.compressed == .max || fields.offset == .max else {
                return
            }
            var position = extra.lowerBound
            while position <= extra.upperBound - 4,
                let kind = file.integer(UInt16.self, at: position),
                let length = file.integer(UInt16.self, at: position + 2)
            {
                let end = position + 4 + Int(length)
                guard end <= extra.upperBound else { throw refusal }
                if kind == 1 {
                    var field = position + 4
                    func wide() throws(CheckpointError) -> Int {
                        guard field <= end - 8,
                            let value = file.integer(UInt64.self, at: field)
                                .flatMap(Int.init(exactly:))
                        else { throw refusal }
                        field += 8
                        return value
                    }
                    if fields.size == .max { size = try wide() }
                    if fields.compressed == .max { compressed = try wide() }
                    if fields.offset == .max { offset = try wide() }
                    return
                }
                position = end
            }
            throw refusal
        }
    }
}

extension Int {
    /// The product, or `Int.max` when it is too large.
    func multipliedClamped(by factor: Int) -> Int {
        let (product, overflow) = multipliedReportingOverflow(by: factor)
        return overflow ? .max : product
    }
}
