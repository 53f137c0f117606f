import Audio
import Checkpoints
import F5TTS
import Foundation
import Tensors

/// Whether models and voices are there, can be loaded, and speak.
struct InstallationCheck {
    let catalog: ModelCatalog
    let voices: VoiceStore
    let dataFolder: String
    let model: String
    let architecture: String?
    let weights: WeightSource
    let precision: Precision

    func run() -> [HealthCheck] {
        let (voiceChecks, reference) = checkVoices()
        return voiceChecks + checkModel(reference) + checkOtherModels() + [checkData()]
    }

    /// All voices, and the reference of the one to try the model with.
    private func checkVoices() -> ([HealthCheck], ReferenceVoice?) {
        let (stored, problems) = voices.contents()
        var checks = problems.map { HealthCheck("voice \($0.id)", .warning, "\($0.error)") }
        var usable: ReferenceVoice?
        for voice in stored {
            do throws(SpeechError) {
                let reference = try voices.reference(voice)
                if usable == nil { usable = reference }
                checks.append(
                    HealthCheck(
                        "voice \(voice.id)", .ok,
                        "\(reference.audio.seconds.decimals(1)) s of reference, "
                            + (voice.licence.map { "licence \($0)" } ?? "no licence given")))
            } catch {
                checks.append(HealthCheck("voice \(voice.id)", .warning, "\(error)"))
            }
        }
        if usable == nil {
            checks.append(
                HealthCheck(
                    "voices", .failure,
                    "there is no usable voice: add one with `skald voices add`, or name the folder "
                        + "of voices with --voices or SKALD_VOICES"))
        }
        return (checks, usable)
    }

    /// The model that would serve: its files, its memory, and a chunk of speech.
    private func checkModel(_ reference: ReferenceVoice?) -> [HealthCheck] {
        let title = "model \(model)"
        var checks: [HealthCheck] = []
        do {
            let description = try catalog.find(model, arch: architecture)
            checks.append(Machine.memory(needed: try fileSize(description.weightsPath)))
            let (synthesizer, resolved) = try Synthesizer.load(
                description, weights: weights, precision: precision)
            let notes = (description.notes + resolved.notes).map { "; \($0)" }.joined()
            checks.append(
                HealthCheck(
                    title, .ok,
                    "loads, all numbers finite, \(resolved.source.rawValue) weights, architecture "
                        + "known from \(description.versionOrigin)" + notes))
            checks += licence(description.name)
            if let reference { checks.append(try speak(synthesizer, reference)) }
        } catch {
            checks.append(HealthCheck(title, .failure, "\(error)"))
        }
        return checks
    }

    private func fileSize(_ path: String) throws -> Int {
        let target = URL(filePath: path).resolvingSymlinksInPath().path(percentEncoded: false)
        return try FileManager.default.attributesOfItem(atPath: target)[.size] as? Int ?? 0
    }

    private func speak(
        _ synthesizer: Synthesizer, _ reference: ReferenceVoice
    ) throws -> HealthCheck {
        var options = SynthesisOptions()
        options.nfe = 2
        var loudest: Float = 0
        let summary = try synthesizer.speak(
            "This is how it sounds.", voice: reference, options: options
        ) { loudest = $0.reduce(loudest) { max($0, abs($1)) } }
        guard summary.audioSeconds > 0, loudest > 0 else {
            return HealthCheck(
                "speech", .failure,
                "the model says nothing: check its weights with `skald models inspect`")
        }
        return HealthCheck(
            "speech", .ok,
            "\(summary.audioSeconds.decimals(1)) s in \(summary.synthesisSeconds.decimals(1)) s with "
                + "2 steps")
    }

    private func checkOtherModels() -> [HealthCheck] {
        catalog.list().filter { $0.name != model }.flatMap { entry in
            switch entry.model {
            case .success:
                [HealthCheck("model \(entry.name)", .ok, "fits its files")] + licence(entry.name)
            case .failure(let error):
                [HealthCheck("model \(entry.name)", .warning, "\(error)")]
            }
        }
    }

    /// What the published weights may be used for.
    private func licence(_ name: String) -> [HealthCheck] {
        guard KnownModels.names.contains(name) else { return [] }
        return [
            HealthCheck(
                "licence", .warning,
                "the published weights of \(name) are under CC BY-NC 4.0: no commercial use")
        ]
    }

    /// Whether new voices can be stored.
    private func checkData() -> HealthCheck {
        // The nearest folder that exists decides. A final slash would hide a plain file.
        var path =
            dataFolder.hasPrefix("/")
            ? dataFolder : FileManager.default.currentDirectoryPath + "/" + dataFolder
        while !FileManager.default.fileExists(atPath: path), let slash = path.lastIndex(of: "/") {
            path = slash == path.startIndex ? "/" : String(path[..<slash])
        }
        var isFolder: ObjCBool = false
        _ = FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
        guard isFolder.boolValue, access(path, W_OK | X_OK) == 0 else {
            return HealthCheck(
                "data", .warning,
                "\(dataFolder) cannot be written, so voices cannot be added: change its rights, or "
                    + "name another folder with --data or SKALD_DATA")
        }
        return HealthCheck("data", .ok, dataFolder)
    }
}
