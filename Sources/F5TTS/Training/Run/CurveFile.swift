import Foundation

/// A file that a run appends lines to, each of which is on its way to the disk at once: a killed
/// process loses none of them.
///
/// Every line is a JSON object with an `update`, and updates never fall. A run that goes on from
/// update u drops what came later, so that its file is the one of a run that was never interrupted.
final class CurveFile {
    private let path: String
    private let descriptor: Int32

    static let decoder: JSONDecoder = {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return decoder
    }()

    private static let encoder: JSONEncoder = {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = .sortedKeys
        return encoder
    }()

    private struct Place: Decodable { let update: Int }

    /// Opens `path`, or makes it, and drops all after the lines of `update`.
    ///
    /// Errors: `cannotWrite`, here and in every other function of this class.
    init(_ path: String, upTo update: Int) throws(TrainingError) {
        self.path = path
        descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw failure("can't be opened") }
        var kept = 0
        for line in Self.lines(path) {
            guard let place = try? Self.decoder.decode(Place.self, from: line),
                place.update <= update
            else { break }
            kept += line.count + 1
        }
        guard ftruncate(descriptor, off_t(kept)) == 0 else { throw failure("can't be cut") }
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// Adds a line.
    func append(_ row: some Encodable) throws(TrainingError) {
        guard var line = try? Self.encoder.encode(row) else {
            throw TrainingError(.cannotWrite, "\(path): a number is not finite.")
        }
        line.append(UInt8(ascii: "\n"))
        let written = line.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        guard written == line.count else { throw failure("can't be written") }
    }

    /// Waits until all lines are on the disk.
    func synchronize() throws(TrainingError) {
        guard fsync(descriptor) == 0 else { throw failure("can't be written") }
    }

    /// The whole lines of a file, without their ends; none if there is no such file.
    static func lines(_ path: String) -> [Data] {
        guard let data = try? Data(contentsOf: URL(filePath: path)) else { return [] }
        let end = data.lastIndex(of: UInt8(ascii: "\n")) ?? data.startIndex
        return data[data.startIndex..<end].split(separator: UInt8(ascii: "\n"))
    }

    private func failure(_ what: String) -> TrainingError {
        TrainingError(
            .cannotWrite,
            "\(path) \(what) (\(String(cString: strerror(errno)))): check the folder's permissions "
                + "and the free space.")
    }
}
