/// The bytes of one storage: a range of a mapped file, or what a deflated range inflates to.
///
/// Several tensors may look at one storage. Deflated data is inflated when a tensor is first
/// needed, so optimizer state that nobody asks for costs nothing.
package final class StoredBytes: Sendable {
    let file: MappedFile
    /// Where the bytes lie in the file (compressed, if they are).
    let range: Range<Int>
    /// Size once read, in bytes.
    package let count: Int
    private let inflated: InflatedBytes?

    /// Bytes that lie in `file` as they are; `range` was checked by the reader.
    init(_ file: MappedFile, range: Range<Int>) {
        self.file = file
        self.range = range
        count = range.count
        inflated = nil
    }

    /// Bytes that `inflated` makes on demand.
    init(_ file: MappedFile, deflated range: Range<Int>, _ inflated: InflatedBytes) {
        self.file = file
        self.range = range
        count = inflated.count
        self.inflated = inflated
    }

    /// The bytes and the object that keeps them alive.
    ///
    /// Errors: `badHeader` when deflated data does not inflate to what was announced.
    package func read() throws(CheckpointError) -> (bytes: UnsafeRawBufferPointer, owner: AnyObject)
    {
        if let inflated {
            let buffer = try inflated.buffer()
            return (buffer.bytes, buffer)
        }
        return (UnsafeRawBufferPointer(rebasing: file.bytes[range]), file)
    }
}
