import Checkpoints
import F5TTS
import Logging

extension SpeechService {
    /// The versions of adapted voices: seen, chosen and deleted.
    func addVersions(to router: inout Router) {
        router.add("GET", "/v1/audio/voices/:id", access: .list) { request in
            .json(try details(voices.voice(request.parameter("id"))))
        }
        router.add("POST", "/v1/audio/voices/:id", bodyLimit: 4 << 10) { request in
            let id = request.parameter("id")
            let fields = try Fields(request.body)
            guard let version = try fields.whole("version", in: 0...Int(Int32.max)) else {
                throw SpeechError(
                    .invalidRequest,
                    "version is missing: say which one the voice is to speak with; 0 is its own "
                        + "recording, not adapted.", parameter: "version")
            }
            try voices.makeCurrent(id, version: version)
            request.logger.info(
                "version chosen", metadata: ["voice": "\(id)", "version": "\(version)"])
            return .json(try details(voices.voice(id)))
        }
    }

    /// A voice with its versions; shipped ones have none.
    private func details(_ voice: StoredVoice) -> JSONValue {
        let versions = (try? voices.versions(of: voice.id)) ?? []
        guard case .object(var fields) = description(voice) else { return .null }
        fields.append(("versions", .array(versions.map(description))))
        return .object(fields)
    }

    /// Without the reference's words, like everything that lists show.
    private func description(_ version: VoiceVersion) -> JSONValue {
        let record = version.record
        return [
            "version": .number(Double(version.number)), "created_at": .time(record.createdAt),
            "base_model": .string(record.base.name),
            "method": .string(record.options.method.rawValue),
            "updates": .number(Double(record.updates)),
            "weights": .string(record.better.rawValue),
            "sets": .array(record.sets.map { .string($0.rawValue) }),
            "ema_new_mass": record.average.map { .number($0.newShare) } ?? .null,
            "held_out": [
                "before": Self.description(record.figures.before),
                "raw": Self.description(record.figures.raw),
                "ema": Self.description(record.figures.average),
            ],
        ]
    }

    private static func description(_ measure: AdaptationFigures.Measure?) -> JSONValue {
        guard let measure else { return .null }
        return [
            "loss": .number(measure.loss), "loss_without_text": .number(measure.withoutText),
            "mel_distance": measure.distance.map { .number($0) } ?? .null,
        ]
    }
}
