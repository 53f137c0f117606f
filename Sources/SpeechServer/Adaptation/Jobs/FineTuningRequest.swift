import F5TTS

/// The body of `POST /v1/fine_tuning/jobs`, checked.
struct FineTuningRequest: Sendable {
    let model: String
    let trainingFile: String
    let validationFile: String?
    let suffix: String?
    let seed: Int
    /// What was asked, as JSON text; `Hyperparameters` makes sense of it.
    let hyperparameters: String
    let publication: JobRecord.Publication
    let metadata: [String: String]

    /// The longest suffix, characters.
    static let longestSuffix = 64

    /// - Throws: `invalidRequest` naming the field at fault.
    init(_ body: [UInt8]) throws(SpeechError) {
        let fields = try Fields(body)
        model = try fields.required("model")
        trainingFile = try fields.required("training_file")
        validationFile = try fields.string("validation_file")
        suffix = try Self.suffix(fields)
        seed =
            try fields.whole("seed", in: 0...Int(Int32.max)) ?? Int.random(in: 0...Int(Int32.max))
        metadata = try Self.metadata(fields)
        if let integrations = fields["integrations"], integrations.array?.isEmpty != true {
            throw SpeechError(
                .invalidRequest, "There are no integrations here: leave them out.",
                parameter: "integrations")
        }
        let given = try Self.hyperparameters(fields)
        _ = try Hyperparameters(given, seed: seed)
        hyperparameters = String(decoding: given.bytes, as: UTF8.self)
        publication =
            try Self.publication(fields, Fields(given, "hyperparameters"))
            ?? (suffix == nil ? .manual : .auto)
        if publication == .auto, suffix == nil {
            throw SpeechError(
                .invalidRequest, "To be published at once it needs a name: give a suffix.",
                parameter: "suffix")
        }
    }

    private static func suffix(_ fields: Fields) throws(SpeechError) -> String? {
        guard let suffix = try fields.string("suffix") else { return nil }
        guard (1...longestSuffix).contains(suffix.unicodeScalars.count),
            VoiceIdentifier.slug(suffix) != nil
        else {
            throw SpeechError(
                .invalidRequest,
                "suffix must have 1 to \(longestSuffix) characters, and ASCII letters or digits "
                    + "among them: it names the voice.", parameter: "suffix")
        }
        return suffix
    }

    /// OpenAI's limits: 16 pairs, 64 characters a name, 512 a value.
    private static func metadata(_ fields: Fields) throws(SpeechError) -> [String: String] {
        guard let value = fields["metadata"] else { return [:] }
        var metadata: [String: String] = [:]
        if case .object(let members) = value, members.count <= 16 {
            for (name, value) in members {
                guard let text = value.string, name.unicodeScalars.count <= 64,
                    text.unicodeScalars.count <= 512
                else { break }
                metadata[name] = text
            }
            if metadata.count == Set(members.map(\.key)).count { return metadata }
        }
        throw SpeechError(
            .invalidRequest,
            "metadata must be an object of at most 16 texts: names of at most 64 characters, values "
                + "of at most 512.", parameter: "metadata")
    }

    /// As the job's description has it, or among the hyperparameters, where OpenAI's clients can send it.
    private static func publication(
        _ fields: Fields, _ hyperparameters: Fields
    ) throws(SpeechError) -> JobRecord.Publication? {
        let outer = try fields.choice("publish", of: JobRecord.Publication.self)
        let inner = try hyperparameters.choice("publish", of: JobRecord.Publication.self)
        if let outer, let inner, outer != inner {
            throw SpeechError(
                .invalidRequest,
                "publish is given twice, and differs: leave it out of the hyperparameters.",
                parameter: "publish")
        }
        return outer ?? inner
    }

    /// From where OpenAI's API has them now, or where it had them before.
    private static func hyperparameters(_ fields: Fields) throws(SpeechError) -> JSONValue {
        let inner = try ofMethod(fields)
        let outer = fields["hyperparameters"] ?? [:]
        let new = try Fields(inner, "hyperparameters")
        let old = try Fields(outer, "hyperparameters")
        if new.names.isEmpty { return outer }
        guard old.names.isEmpty || isSame(new, old) else {
            throw SpeechError(
                .invalidRequest,
                "The hyperparameters are given twice, and differ: give those of the method alone.",
                parameter: "hyperparameters")
        }
        return inner
    }

    private static func isSame(_ one: Fields, _ other: Fields) -> Bool {
        Set(one.names) == Set(other.names)
            && one.names.allSatisfy { one[$0]?.bytes == other[$0]?.bytes }
    }

    private static func ofMethod(_ fields: Fields) throws(SpeechError) -> JSONValue {
        guard let value = fields["method"] else { return [:] }
        let method = try Fields(value, "method")
        guard try method.string("type") ?? "supervised" == "supervised" else {
            throw SpeechError(
                .invalidRequest,
                "The only method here is supervised; hyperparameters say lora or "
                    + "full.", parameter: "method")
        }
        guard let supervised = method["supervised"] else { return [:] }
        return try Fields(supervised, "method.supervised")["hyperparameters"] ?? [:]
    }
}
