import Synchronization

/// A deflated zip entry, inflated once, when first read.
final class InflatedBytes: Sendable {
    /// Size after inflating, as the directory announces it.
    let count: Int
    private let file: MappedFile
    private let range: Range<Int>
    private let checksum: UInt32
    private let entry: String
    private let result = Mutex<ByteBuffer?>(nil)

    /// An entry named `entry` whose raw deflate data lies at `range` of `file`.
    ///
    /// The reader has already checked that `count` is a size the file justifies.
    init(_ file: MappedFile, range: Range<Int>, count: Int, checksum: UInt32, entry: String) {
        self.file = file
        self.range = range
        self.count = count
        self.checksum = checksum
        self.entry = entry
    }

    /// The inflated bytes.
    ///
    /// Errors: `badHeader` when the data is damaged.
    func buffer() throws(CheckpointError) -> ByteBuffer {
        let buffer = result.withLock { cached -> ByteBuffer? in
            if cached == nil {
                let data = UnsafeRawBufferPointer(rebasing: file.bytes[range])
                if let made = Zlib.inflate(data, count: count),
                    Zlib.checksum(made.bytes) == checksum
                {
                    cached = made
                }
            }
            return cached
        }
        guard let buffer else {
            throw CheckpointError(
                .badHeader, file: file.path,
                "the compressed entry \"\(entry)\" is damaged; fetch the file again")
        }
        return buffer
    }
}
