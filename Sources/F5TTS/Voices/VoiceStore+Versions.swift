import Checkpoints
import Foundation

/// The versions of adapted voices.
extension VoiceStore {
    /// Splits `ada@3` into the voice's id and the version's number; nil for a name that is not of the
    /// kind.
    package static func versioned(_ name: String) -> (id: String, number: Int)? {
        let parts = name.utf8.split(separator: UInt8(ascii: "@"), omittingEmptySubsequences: false)
        guard parts.count == 2 else { return nil }
        let (id, digits) = (String(Substring(parts[0])), String(Substring(parts[1])))
        guard let number = Int(digits), number >= 0, String(number) == digits,
            VoiceIdentifier.isValid(id)
        else { return nil }
        return (id, number)
    }

    /// The versions of an own voice, the oldest first; damaged ones are left out. Throws
    /// `voiceNotFound`.
    package func versions(of id: String) throws(SpeechError) -> [VoiceVersion] {
        let folder = try ownFolder(id)
        return VersionIndex.numbers(voice: folder).compactMap { number in
            try? Self.version(number, in: folder)
        }
    }

    /// Makes a version the one that the voice speaks with; 0 is the recording alone, not adapted.
    ///
    /// Throws `voiceNotFound`, also for a version that is not there, and `unavailable`.
    package func makeCurrent(_ id: String, version number: Int) throws(SpeechError) {
        let folder = try ownFolder(id)
        let lock = try FolderLock(folder)
        defer { lock.release() }
        if number != 0 { _ = try Self.version(number, in: folder) }
        var index = VersionIndex(voice: folder)
        index.next = index.free(voice: folder)
        index.current = number
        try index.write(voice: folder)
    }

    /// Deletes a version that is not the current one.
    ///
    /// Whoever speaks with it at this moment finishes. Throws `voiceNotFound`, `invalidRequest` for the
    /// current one, `unavailable`.
    package func deleteVersion(_ id: String, _ number: Int) throws(SpeechError) {
        let folder = try ownFolder(id)
        let lock = try FolderLock(folder)
        defer { lock.release() }
        var index = VersionIndex(voice: folder)
        guard VersionIndex.numbers(voice: folder).contains(number) else {
            throw Self.noVersion(number)
        }
        guard index.current != number else {
            throw SpeechError(
                .invalidRequest,
                "Version \(number) is the one that the voice speaks with: make another current "
                    + "first.", parameter: "version")
        }
        index.next = index.free(voice: folder)
        try index.write(voice: folder)
        do {
            try StagingFolder.discard("\(number)", in: folder + "/" + VersionIndex.folder)
        } catch {
            throw SpeechError(.unavailable, "The version could not be deleted: \(error).")
        }
    }

    /// The version of that number in a voice's folder; `voiceNotFound` when there is none.
    static func version(_ number: Int, in folder: String) throws(SpeechError) -> VoiceVersion {
        let path = "\(folder)/\(VersionIndex.folder)/\(number)"
        guard FileManager.default.fileExists(atPath: path) else { throw noVersion(number) }
        return try VoiceVersion(number: number, folder: path)
    }

    private static func noVersion(_ number: Int) -> SpeechError {
        SpeechError(
            .voiceNotFound,
            "The voice has no version \(number): list its versions to see their numbers.",
            parameter: "voice")
    }

    /// The folder of an own voice; throws `voiceNotFound`.
    func ownFolder(_ id: String) throws(SpeechError) -> String {
        guard VoiceIdentifier.isValid(id), exists(id, in: own) else {
            let isShipped = VoiceIdentifier.isValid(id) && exists(id, in: shipped)
            throw SpeechError(
                .voiceNotFound,
                isShipped
                    ? "The voice \"\(id)\" belongs to the installation and has no versions."
                    : "There is no such voice of your own: list the voices to see their names.",
                parameter: "voice")
        }
        return own + "/" + id
    }
}
