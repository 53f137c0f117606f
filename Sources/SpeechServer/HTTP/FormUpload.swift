import F5TTS
import Foundation

/// A form whose files go to the disk while they arrive, so that their size costs no memory. They lie in
/// a staging folder that is gone, with them, unless it is published.
///
/// Touched by its connection's thread alone.
package final class FormUpload: @unchecked Sendable {
    /// What one form may hold.
    package struct Limits: Sendable {
        package var parts = 2000
        /// Bytes of all fields that are no files.
        package var textBytes = 64 << 10

        package init() {}
    }

    private enum Target {
        case text(name: String)
        case file(StagingFolder.NewFile)
    }

    private var reader: MultipartReader
    private let folder: StagingFolder
    private var target: Target?
    private var fields: [String: [UInt8]] = [:]
    private var textBytes = 0
    /// The files' names, in the order in which they came, each a path relative to the folder.
    package private(set) var files: [String] = []
    /// Bytes of all files.
    package private(set) var bytes = 0
    private let limits: Limits
    private let fileField: String
    private let reservation: ByteReservation

    /// - Parameters:
    ///   - headers: of the request.
    ///   - fileField: the name of the parts that are files.
    ///   - root: the folder in which the staging folder is made.
    ///   - limits: of the form.
    ///   - reservation: where the files' bytes are taken from before they are written.
    /// - Throws: `unsupportedMedia` if the request is no form; `unavailable` for the disk.
    package init(
        _ headers: Headers, fileField: String, in root: String, limits: Limits = Limits(),
        reservation: ByteReservation
    ) throws(SpeechError) {
        reader = try MultipartReader(headers, mostParts: limits.parts)
        do {
            folder = try StagingFolder(in: root)
        } catch {
            throw Self.unwritable(error)
        }
        self.limits = limits
        self.fileField = fileField
        self.reservation = reservation
    }

    /// Takes the next bytes of the body.
    package func receive(_ bytes: UnsafeRawBufferPointer) throws(SpeechError) {
        try reader.read(bytes) { event throws(SpeechError) in try take(event) }
    }

    /// The body is whole; throws `invalidRequest` if the form is not.
    package func finish() throws(SpeechError) { try reader.finish() }

    /// Gives the folder its name, if nothing is found against it; its bytes stay taken.
    ///
    /// - Parameters:
    ///   - name: of the folder, inside the root.
    ///   - check: told the folder's path and its files; throws to refuse them.
    /// - Throws: what `check` throws; `unavailable` for the disk.
    package func publish(
        as name: String, check: (String, [String]) throws(SpeechError) -> Void
    ) throws(SpeechError) {
        try check(folder.path, files)
        do {
            _ = try folder.publish(as: name)
        } catch {
            throw Self.unwritable(error)
        }
        reservation.keep()
    }

    /// The text of the field of this name; throws `invalidRequest` if it is not UTF-8.
    package func text(_ name: String) throws(SpeechError) -> String? {
        guard let bytes = fields[name] else { return nil }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw SpeechError(.invalidRequest, "\(name) is not UTF-8 text.", parameter: name)
        }
        return text
    }

    private func take(_ event: MultipartReader.Event) throws(SpeechError) {
        switch event {
        case .part(let name, let fileName):
            if name == fileField {
                target = .file(try newFile(fileName ?? "upload"))
            } else {
                guard fields[name] == nil else {
                    throw SpeechError(
                        .invalidRequest, "The form holds \(name) more than once.", parameter: name)
                }
                fields[name] = []
                target = .text(name: name)
            }
        case .bytes(let bytes):
            switch target {
            case .file(let file):
                guard reservation.take(bytes.count) else {
                    throw SpeechError(
                        .tooLarge,
                        "There is no room for more files here: delete some (DELETE /v1/files/{id}), "
                            + "or let the operator raise --max-files.", parameter: fileField)
                }
                self.bytes += bytes.count
                do { try file.write(bytes) } catch { throw Self.unwritable(error) }
            case .text(let name):
                textBytes += bytes.count
                guard textBytes <= limits.textBytes else {
                    throw SpeechError(
                        .tooLarge, "The form's fields have more than \(limits.textBytes) bytes.",
                        parameter: name)
                }
                fields[name, default: []] += bytes
            case nil: break
            }
        case .end:
            if case .file(let file) = target {
                do { try file.finish() } catch { throw Self.unwritable(error) }
            }
            target = nil
        }
    }

    private func newFile(
        _ name: String
    ) throws(SpeechError) -> StagingFolder.NewFile {
        guard let place = try? ArchivePath(Array(name.utf8)), !place.isIgnored else {
            throw SpeechError(
                .invalidRequest,
                "A file's name cannot be used: send plain names, without \"..\", and none that "
                    + "begins with a slash or a dot.", parameter: fileField)
        }
        guard !files.contains(place.path) else {
            throw SpeechError(
                .invalidRequest, "The form holds two files of the same name.", parameter: fileField)
        }
        files.append(place.path)
        do {
            return try folder.newFile(place.path, folders: place.parents)
        } catch {
            throw Self.unwritable(error)
        }
    }

    private static func unwritable(_ error: any Error) -> SpeechError {
        SpeechError(.unavailable, "The upload could not be stored: \(error).")
    }
}
