import Audio
import Checkpoints
import Foundation
import TextFrontEnd

/// The voices of an installation: people's own under the data directory, then the shipped ones.
///
/// Each is a folder `<id>/` with `voice.json` and the reference audio. A folder appears complete or
/// not at all, whatever happens while it is written. An own voice hides a shipped one of the same id.
package struct VoiceStore: Sendable {
    /// Where own voices live: `<data>/voices`.
    let own: String
    /// Where shipped voices live; never written.
    let shipped: String
    /// What an uploaded recording may be.
    package var audioLimits = AudioFile.Limits()
    /// What the model that is to speak can read, for the doctor of new voices; nil where there is none.
    package var vocabulary: Vocabulary?
    /// References that were prepared before.
    private let references = ReferenceCache()

    /// What a voice's folder says of it, see `VoiceRecord`.
    static let recordFile = "voice.json"
    /// The longest `voice.json` that is read, bytes.
    private static let largestRecord = 256 << 10

    /// - Parameters:
    ///   - data: the data directory; made when the first voice is created.
    ///   - shipped: the directory of shipped voices; may be missing.
    package init(data: String, shipped: String) {
        own = data + "/voices"
        self.shipped = shipped
    }

    /// A voice's folder that cannot be used.
    package struct Problem: Sendable {
        package let id: String
        package let error: SpeechError
    }

    /// All usable voices, by id.
    package func list() -> [StoredVoice] { contents().voices }

    /// All usable voices, by id, and the folders that are none.
    package func contents() -> (voices: [StoredVoice], problems: [Problem]) {
        var voices: [StoredVoice] = []
        var problems: [Problem] = []
        let ownIdentifiers = identifiers(in: own)
        let shippedIdentifiers = identifiers(in: shipped).subtracting(ownIdentifiers)
        for (root, identifiers) in [(own, ownIdentifiers), (shipped, shippedIdentifiers)] {
            for id in identifiers {
                do throws(SpeechError) {
                    voices.append(try load(id, in: root))
                } catch {
                    problems.append(Problem(id: id, error: error))
                }
            }
        }
        return (voices.sorted { $0.id < $1.id }, problems.sorted { $0.id < $1.id })
    }

    /// The voice with this id, or the one that an OpenAI name stands for (`VoiceAliases`); `ada@3` is a
    /// version of an own voice, `ada@0` its recording without adapted weights. Throws `voiceNotFound`.
    package func voice(_ id: String) throws(SpeechError) -> StoredVoice {
        if let (id, number) = Self.versioned(id) {
            let root = number == 0 && !exists(id, in: own) ? shipped : own
            guard exists(id, in: root) else { throw Self.noVoice(id) }
            return try load(id, in: root, version: number)
        }
        guard VoiceIdentifier.isValid(id) else {
            if let voice = VoiceAliases.voice(id, among: list()) { return voice }
            throw SpeechError(
                .voiceNotFound,
                "There is no such voice: names are made of a-z, 0-9, - and _. List the voices to "
                    + "see their names.", parameter: "voice")
        }
        for root in [own, shipped] where exists(id, in: root) { return try load(id, in: root) }
        if let voice = VoiceAliases.voice(id, among: list()) { return voice }
        throw Self.noVoice(id)
    }

    private static func noVoice(_ id: String) -> SpeechError {
        SpeechError(
            .voiceNotFound,
            "There is no voice \"\(id)\": list the voices to see their names, or add it.",
            parameter: "voice")
    }

    /// A voice's reference, read and prepared for synthesis unless it was before, with the weights that
    /// speak.
    ///
    /// - Parameters:
    ///   - voice: the voice.
    ///   - weights: of an adapted voice, which set; `auto` is the better one.
    /// - Returns: the reference.
    /// - Throws: `invalidRequest` for a set that the voice does not have; `internalFailure`.
    package func reference(
        _ voice: StoredVoice, weights: WeightSource = .auto
    ) throws(SpeechError) -> ReferenceVoice {
        let adaptation = try Self.adaptation(voice, weights)
        // As it is before it is read: what is written meanwhile makes it another.
        let file = ReferenceCache.File(voice.audioPath)
        if let audio = file.flatMap(references.find) {
            return ReferenceVoice(
                audio: audio, text: voice.referenceText, adaptation: adaptation)
        }
        do {
            let audio = try ReferenceAudio.prepare(AudioFile.read(path: voice.audioPath))
            if let file { references.keep(audio, of: file) }
            return ReferenceVoice(
                audio: audio, text: voice.referenceText, adaptation: adaptation)
        } catch {
            throw SpeechError(
                .internalFailure,
                "The recording of the voice \"\(voice.id)\" cannot be used: \(error.message)")
        }
    }

    /// What `reference` gives at no cost, as it was prepared before; else nil. Throws `invalidRequest`
    /// alike.
    package func preparedReference(
        _ voice: StoredVoice, weights: WeightSource = .auto
    ) throws(SpeechError) -> ReferenceVoice? {
        let adaptation = try Self.adaptation(voice, weights)
        guard let file = ReferenceCache.File(voice.audioPath), let audio = references.find(file)
        else { return nil }
        return ReferenceVoice(audio: audio, text: voice.referenceText, adaptation: adaptation)
    }

    /// The weights that speak; nil is the model as it is.
    private static func adaptation(
        _ voice: StoredVoice, _ weights: WeightSource
    ) throws(SpeechError) -> AdaptedWeights? {
        if let version = voice.version {
            return AdaptedWeights(
                voice: voice.id, version: version, set: try version.set(weights))
        }
        guard weights == .auto else {
            throw SpeechError(
                .invalidRequest,
                "The voice \"\(voice.id)\" is not adapted, so it has no weights of its own to "
                    + "choose from: leave weights out.", parameter: "weights")
        }
        return nil
    }

    /// Whether a folder of this name exists.
    func exists(_ id: String, in root: String) -> Bool {
        FileManager.default.fileExists(atPath: root + "/" + id)
    }

    /// The folders that may hold voices; staging folders and other names are left out.
    private func identifiers(in root: String) -> Set<String> {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
        return Set(names.filter(VoiceIdentifier.isValid))
    }

    /// Loads a voice; `number` is the version asked for, else it is the current one.
    private func load(
        _ id: String, in root: String, version number: Int? = nil
    ) throws(SpeechError) -> StoredVoice {
        let folder = root + "/" + id
        guard let record = record(of: id, in: root) else {
            throw SpeechError(
                .voiceNotFound,
                "The voice \"\(id)\" has no readable voice.json: add the voice again.",
                parameter: "voice")
        }
        let audio = record.audio
        guard !audio.isEmpty, !audio.hasPrefix("."), !audio.contains("/"), !audio.contains("\0"),
            FileManager.default.fileExists(atPath: folder + "/" + audio),
            !record.referenceText.strippedOfSpace.isEmpty
        else {
            throw SpeechError(
                .voiceNotFound,
                "The voice \"\(id)\" lacks its recording or its text: add the voice again.",
                parameter: "voice")
        }
        let current = root == own ? number ?? VersionIndex(voice: folder).current : 0
        let version = current == 0 ? nil : try Self.version(current, in: folder)
        let path = version.map {
            "\(VersionIndex.folder)/\($0.number)/\(VoiceVersion.referenceFile)"
        }
        return StoredVoice(
            id: id, name: record.name,
            referenceText: version?.record.reference.text ?? record.referenceText,
            language: record.language, licence: record.licence, createdAt: record.createdAt,
            findings: version?.record.reference.findings ?? record.findings ?? [],
            isShipped: root == shipped, version: version, folder: folder,
            audioFile: path ?? audio)
    }

    /// A voice's `voice.json`; nil where it is missing or cannot be read.
    func record(of id: String, in root: String) -> VoiceRecord? {
        guard let file = FileHandle(forReadingAtPath: "\(root)/\(id)/\(Self.recordFile)"),
            let data = try? file.read(upToCount: VoiceStore.largestRecord + 1),
            data.count <= VoiceStore.largestRecord
        else { return nil }
        return try? JSONDecoder().decode(VoiceRecord.self, from: data)
    }
}
