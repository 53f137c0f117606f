import Checkpoints
import Foundation

extension VoiceStore {
    /// What a new version is made of.
    struct NewVersion {
        let record: VersionRecord
        /// Writes a set's weights as a safetensors file at the path given.
        let writeWeights: (WeightSource, String) throws -> Void
        /// A WAV file.
        let reference: [UInt8]
    }

    /// Adds a version to an own voice and makes it current; a voice that is not there is made, with the
    /// version's reference as its own.
    ///
    /// The version appears whole or not at all; one of the same origin is not added twice. Throws
    /// `invalidRequest` for the name, `unavailable` (the disk, or the voice is deleted meanwhile), and
    /// what writing the weights throws.
    func publish(_ version: NewVersion, voice name: String) throws -> VoiceVersion {
        let (id, name) = try checkPublishable(name, parameter: "voice")
        if !exists(id, in: own) {
            try makeVoice(id, named: name, for: version.record, version.reference)
        }
        let folder = try ownFolder(id)
        let lock = try FolderLock(folder)
        defer { lock.release() }
        // It may be another voice than the one that was looked at before the lock was had.
        try checkCalled(name, id, parameter: "voice")
        var index = VersionIndex(voice: folder)
        for number in VersionIndex.numbers(voice: folder) {
            let found = try? Self.version(number, in: folder)
            guard let found, found.record.origin == version.record.origin,
                found.record.better == version.record.better
            else { continue }
            index.next = index.free(voice: folder)
            index.current = number
            try index.write(voice: folder)
            return found
        }
        let number = index.free(voice: folder)
        try fill(folder, "\(number)", version)
        index.current = number
        index.next = number + 1
        try index.write(voice: folder)
        return try Self.version(number, in: folder)
    }

    /// Refuses a name that no version can be published under, `invalidRequest` naming `parameter`; gives the
    /// voice's id and name.
    @discardableResult
    package func checkPublishable(
        _ name: String, parameter: String
    ) throws(SpeechError) -> (id: String, name: String) {
        let name = try VoiceStore.checkedName(name, parameter: parameter)
        guard let id = VoiceIdentifier.of(name) else {
            throw SpeechError(
                .invalidRequest, "Give the voice a name with ASCII letters or digits.",
                parameter: parameter)
        }
        if !exists(id, in: own), exists(id, in: shipped) {
            throw SpeechError(
                .invalidRequest,
                "The voice \"\(id)\" belongs to the installation: choose another name.",
                parameter: parameter)
        }
        if exists(id, in: own) { try checkCalled(name, id, parameter: parameter) }
        return (id, name)
    }

    /// Refuses an own voice that goes by neither its id nor this name: one person's voice must not become
    /// another's because their names give the same id. Also one that nobody could speak with.
    private func checkCalled(
        _ name: String, _ id: String, parameter: String
    ) throws(SpeechError) {
        guard let record = record(of: id, in: own) else {
            throw SpeechError(
                .unavailable,
                "The voice \"\(id)\" has no readable \(Self.recordFile): delete it first, or choose "
                    + "another name.", parameter: parameter)
        }
        guard [id, record.name.lowercased()].contains(name.lowercased()) else {
            throw SpeechError(
                .invalidRequest,
                "There is a voice \"\(id)\" already, and it is called \"\(record.name)\": give "
                    + "\"\(id)\" to make a version of that voice, or choose another name.",
                parameter: parameter)
        }
    }

    /// Adds a version to the voice in `folder`.
    private func fill(_ folder: String, _ name: String, _ version: NewVersion) throws {
        do {
            let root = folder + "/" + VersionIndex.folder
            let staging = try StagingFolder(in: root)
            StagingFolder.removeAbandoned(in: root)
            for set in version.record.sets {
                try version.writeWeights(set, staging.place(VoiceVersion.weightsFile(set)))
            }
            // Whoever removes folders by hand asks for no lock.
            guard FileManager.default.fileExists(atPath: folder + "/" + Self.recordFile) else {
                throw SpeechError(
                    .unavailable,
                    "The voice was deleted while its version was written: publish it again.")
            }
            try staging.write(version.reference, to: VoiceVersion.referenceFile)
            try staging.write(version.record.json, to: VoiceVersion.recordFile)
            guard try staging.publish(as: name) else {
                throw SpeechError(
                    .unavailable, "The version appeared twice at the same time: try again.")
            }
        } catch let error as StagingFolder.Failure {
            throw SpeechError(.unavailable, "The version could not be stored: \(error).")
        }
    }

    private func makeVoice(
        _ id: String, named name: String, for record: VersionRecord, _ reference: [UInt8]
    ) throws(SpeechError) {
        try store(
            VoiceRecord(
                id: id, name: name, referenceText: record.reference.text,
                language: record.language, licence: nil, createdAt: record.createdAt,
                audio: VoiceVersion.referenceFile, findings: record.reference.findings),
            audio: reference)
    }
}

extension VersionRecord {
    /// The contents of `version.json`.
    var json: [UInt8] {
        get throws {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
            return Array(try encoder.encode(self))
        }
    }
}
