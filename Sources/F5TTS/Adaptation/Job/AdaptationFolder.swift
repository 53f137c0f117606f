import Checkpoints
import Foundation

/// What an adaptation keeps on the disk.
///
///     adaptation.json     what it is: options, base, recordings
///     transcripts.jsonl   what was transcribed
///     doctor.json         the report on the recordings
///     doctor-validation.json  that on recordings to hold out, where some were given
///     prepared.json       the clips that are used, and which of them are held out
///     mels-….safetensors  their mels and tokens
///     candidates/         clips that may become the reference
///     run/                the training run
///     last.pt             the weights in the end, where there are no best ones
///     kept/               weights of the updates that were to be kept
///     result/             the finished version: version.json, weights, reference
///     listen-….wav        the same words before and after
///     report.html         all of it to look at and listen to
struct AdaptationFolder: Sendable {
    let path: String

    static let candidates = "candidates"
    static let result = "result"
    static let report = "report.html"
    static let doctor = "doctor.json"
    static let validationDoctor = "doctor-validation.json"
    static let transcripts = "transcripts.jsonl"
    static let last = "last.pt"

    var run: String { path + "/run" }
    var kept: String { path + "/kept" }
    var result: String { path + "/" + Self.result }

    /// Weights that were kept of an update.
    func kept(_ update: Int) -> String { "\(kept)/update-\(update).pt" }

    func exists(_ name: String) -> Bool {
        FileManager.default.fileExists(atPath: path + "/" + name)
    }

    /// When a file or a folder was changed last, seconds since 1970; 0 when there is none.
    static func changed(_ path: String) -> Int {
        let attributes = try? FileManager.default.attributesOfItem(atPath: path)
        return Int((attributes?[.modificationDate] as? Date)?.timeIntervalSince1970 ?? 0)
    }

    /// Bytes of the weights and checkpoints that are there.
    var trainedBytes: Int {
        let files = FileManager.default
        return [run, run + "/checkpoints", kept, result].reduce(0) { sum, folder in
            let names = (try? files.contentsOfDirectory(atPath: folder)) ?? []
            return names.reduce(sum) { sum, name in
                let attributes = try? files.attributesOfItem(atPath: "\(folder)/\(name)")
                return sum + (attributes?[.size] as? Int ?? 0)
            }
        }
    }

    /// Removes files that were left half written; for whoever holds the folder's lock.
    func removeAbandoned() {
        for place in [path, kept, path + "/" + Self.candidates] {
            OutputFile.removeAbandoned(in: place)
        }
    }

    /// A JSON file, or nil when there is none that can be read.
    func read<Value: Decodable>(_ type: Value.Type, _ name: String) -> Value? {
        FileManager.default.contents(atPath: path + "/" + name).flatMap {
            try? JSONDecoder().decode(type, from: $0)
        }
    }

    /// Writes a JSON file, whole or not at all. Throws `unavailable`.
    func writeJSON(_ value: some Encodable, _ name: String) throws(SpeechError) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        guard let json = try? encoder.encode(value) else {
            throw SpeechError(
                .internalFailure, "\(name) cannot be written: a number is not finite.")
        }
        try write(Array(json), name)
    }

    /// Writes a file, whole or not at all. Throws `unavailable`.
    func write(_ bytes: [UInt8], _ name: String) throws(SpeechError) {
        do throws(CheckpointError) {
            let file = try OutputFile(path + "/" + name)
            try file.write(bytes)
            try file.commit()
        } catch {
            throw SpeechError(
                .unavailable, "\(name) cannot be written: is the disk full or read-only?")
        }
    }

    /// Makes a folder inside. Throws `unavailable`.
    func make(_ name: String = "") throws(SpeechError) {
        do {
            try FileManager.default.createDirectory(
                atPath: name.isEmpty ? path : path + "/" + name, withIntermediateDirectories: true)
        } catch {
            throw SpeechError(
                .unavailable,
                "The adaptation's folder cannot be made: is its disk full or read-only?")
        }
    }
}
