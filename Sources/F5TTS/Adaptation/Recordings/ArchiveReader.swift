import CArchive
import Foundation

/// Reads a zip or tar archive from front to back. All calls to libarchive are in this file.
///
/// Only what people pack recordings with is read: zip, tar, and tar in one layer of gzip or bzip2. The
/// library knows many more formats and any number of layers, which only an attacker would use.
final class ArchiveReader {
    /// One entry of an archive, as the archive describes it: nothing in it is to be trusted.
    struct Entry {
        enum Kind { case file, folder, link, special }

        let name: [UInt8]
        let kind: Kind
        let isEncrypted: Bool
    }

    /// Size of the archive itself in bytes.
    let archiveBytes: Int
    private let handle: OpaquePointer
    /// Names pass through the locale's character set on their way out of the library.
    private let locale: locale_t?

    /// Opens a regular file.
    ///
    /// Throws `unavailable` when it cannot be opened, `unsupportedMedia` when it is no archive.
    init(path: String) throws(SpeechError) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        var status = stat()
        var magic = [UInt8](repeating: 0, count: 4)
        let isRegular =
            descriptor >= 0 && fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
        if isRegular { _ = Foundation.read(descriptor, &magic, magic.count) }
        if descriptor >= 0 { close(descriptor) }
        guard isRegular else {
            throw SpeechError(
                .unavailable, "The archive cannot be opened: check that it exists and is a file.")
        }
        guard let handle = archive_read_new() else {
            throw SpeechError(.internalFailure, "Out of memory.")
        }
        self.handle = handle
        archiveBytes = Int(status.st_size)
        locale = CArchive_utf8_locale()
        var result = archive_read_support_format_tar(handle)
        if let filter = Self.filter(magic) {
            result = min(result, archive_read_append_filter(handle, filter))
        } else {
            result = min(result, archive_read_support_format_zip(handle))
        }
        guard result == ARCHIVE_OK,
            archive_read_open_filename(handle, path, 1 << 16) == ARCHIVE_OK
        else { throw Self.notAnArchive }
    }

    deinit {
        archive_read_free(handle)
        if let locale { freelocale(locale) }
    }

    /// The next entry, or `nil` after the last; what is left of the one before is skipped.
    ///
    /// Throws `unsupportedMedia` when this is no archive, or a damaged one.
    func next() throws(SpeechError) -> Entry? {
        try inUTF8 { () -> Result<Entry?, SpeechError> in
            var entry: OpaquePointer?
            let result = archive_read_next_header(handle, &entry)
            if result == ARCHIVE_EOF { return .success(nil) }
            guard result == ARCHIVE_OK || result == ARCHIVE_WARN, let entry else {
                return .failure(archive_format(handle) == 0 ? Self.notAnArchive : Self.damaged)
            }
            guard let name = archive_entry_pathname(entry) else { return .failure(Self.damaged) }
            let bytes = Array(UnsafeRawBufferPointer(start: name, count: strlen(name)))
            return .success(
                Entry(
                    name: bytes, kind: Self.kind(entry),
                    isEncrypted: archive_entry_is_encrypted(entry) != 0))
        }
    }

    /// Reads on in the current entry; 0 at its end.
    ///
    /// Throws `unsupportedMedia` when the archive is damaged: checksums are verified.
    func read(into buffer: UnsafeMutableRawBufferPointer) throws(SpeechError) -> Int {
        let count = archive_read_data(handle, buffer.baseAddress, buffer.count)
        // A warning here is a checksum that does not fit.
        guard count >= 0 else { throw Self.damaged }
        return count
    }

    private static func filter(_ magic: [UInt8]) -> Int32? {
        if magic.starts(with: [0x1F, 0x8B]) { return ARCHIVE_FILTER_GZIP }
        return magic.starts(with: Array("BZh".utf8)) ? ARCHIVE_FILTER_BZIP2 : nil
    }

    private static func kind(_ entry: OpaquePointer) -> Entry.Kind {
        if archive_entry_hardlink(entry) != nil || archive_entry_symlink(entry) != nil {
            return .link
        }
        return switch archive_entry_filetype(entry) & S_IFMT {
        case S_IFREG: .file
        case S_IFDIR: .folder
        case S_IFLNK: .link
        default: .special
        }
    }

    /// Runs `body` in a locale of UTF-8, on this thread only.
    private func inUTF8<T>(
        _ body: () -> Result<T, SpeechError>
    ) throws(SpeechError) -> T {
        guard let locale else { return try body().get() }
        let before = uselocale(locale)
        defer { uselocale(before) }
        return try body().get()
    }

    private static let damaged = SpeechError(
        .unsupportedMedia, "The archive is damaged or cut off: pack and upload it again.")
    private static let notAnArchive = SpeechError(
        .unsupportedMedia,
        "This is not an archive that can be read: send .zip, .tar, .tar.gz or .tar.bz2.")
}
