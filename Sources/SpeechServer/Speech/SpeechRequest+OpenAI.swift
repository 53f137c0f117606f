import Audio
import F5TTS
import Foundation
import TextFrontEnd

extension SpeechRequest {
    /// The most characters (Unicode scalars) of `input`, as OpenAI counts them.
    package static let longestInput = 4096

    /// Reads the body of `POST /v1/audio/speech`; unknown fields are ignored.
    ///
    /// - Parameters:
    ///   - body: JSON.
    ///   - defaultNFE: ODE steps when the request does not say.
    /// - Throws: `invalidRequest` naming the field at fault.
    package init(openAI body: [UInt8], defaultNFE: Int) throws(SpeechError) {
        let fields = try Fields(body)
        model = try fields.required("model")
        text = try fields.required("input")
        guard !text.strippedOfSpace.isEmpty else {
            throw SpeechError(
                .invalidRequest, "The input is empty: send the text to speak.", parameter: "input")
        }
        try Fields.checkLength(text, "input")
        if let instructions = try fields.string("instructions") {
            try Fields.checkLength(instructions, "instructions")
        }
        voice = try Self.voice(fields)
        format = try Self.format(fields)
        sampleRate =
            try fields.whole("sample_rate", in: SpeechEncoder.sampleRates)
            ?? SpeechEncoder.inputRate
        delivery = try Self.delivery(fields)
        options = try Self.options(fields, defaultNFE: defaultNFE)
    }

    private static func voice(_ fields: Fields) throws(SpeechError) -> Voice {
        if let encoded = try fields.string("ref_audio") {
            guard let text = try fields.string("ref_text")?.strippedOfSpace, !text.isEmpty else {
                throw SpeechError(
                    .invalidRequest, "ref_audio needs ref_text: what is said in it, word for word.",
                    parameter: "ref_text")
            }
            try Fields.checkLength(text, "ref_text")
            return .recording(try recording(encoded), text: text)
        }
        switch fields["voice"] {
        case .string(let name): return .named(name)
        case .object(let members):
            if case .string(let name)? = members.last(where: { $0.key == "id" })?.value {
                return .named(name)
            }
            throw SpeechError(
                .invalidRequest, "voice must be a name, or an object with an id.",
                parameter: "voice")
        case nil:
            throw SpeechError(
                .invalidRequest,
                "voice is missing: name a stored voice, or send ref_audio and ref_text.",
                parameter: "voice")
        default:
            throw SpeechError(
                .invalidRequest, "voice must be a name, or an object with an id.",
                parameter: "voice")
        }
    }

    /// Base64, plain or as a data URL.
    private static func recording(_ text: String) throws(SpeechError) -> [UInt8] {
        var encoded = text[...]
        if encoded.hasPrefix("data:"), let comma = encoded.firstIndex(of: ",") {
            encoded = encoded[encoded.index(after: comma)...]
        }
        guard let data = Data(base64Encoded: String(encoded), options: .ignoreUnknownCharacters),
            !data.isEmpty, !encoded.hasPrefix("http:"), !encoded.hasPrefix("https:")
        else {
            throw SpeechError(
                .invalidRequest, "ref_audio must be the bytes of a recording in base64.",
                parameter: "ref_audio")
        }
        return [UInt8](data)
    }

    private static func format(_ fields: Fields) throws(SpeechError) -> AudioFormat {
        guard let name = try fields.string("response_format") else { return .mp3 }
        guard let format = AudioFormat(rawValue: name) else {
            let known = AudioFormat.allCases.map(\.rawValue).joined(separator: ", ")
            throw SpeechError(
                .invalidRequest, "This response_format is not made here: ask for one of \(known).",
                parameter: "response_format")
        }
        return format
    }

    /// `stream_format` is OpenAI's; `stream` is how others ask for events, or for none of it.
    private static func delivery(_ fields: Fields) throws(SpeechError) -> Delivery {
        switch try fields.string("stream_format") {
        case "sse"?: return .stream(.events)
        case "audio"?: return .stream(.audio)
        case nil:
            guard let stream = try fields.bool("stream") else { return .stream(.audio) }
            return stream ? .stream(.events) : .whole
        default:
            throw SpeechError(
                .invalidRequest, "stream_format must be audio or sse.", parameter: "stream_format")
        }
    }

    private static func options(
        _ fields: Fields, defaultNFE: Int
    ) throws(SpeechError) -> SynthesisOptions {
        var options = SynthesisOptions()
        options.speed = try fields.number("speed") ?? options.speed
        if let strength = try fields.number("cfg_strength") {
            options.cfgStrength = Float(strength)
        }
        if let sway = try fields.number("sway_sampling_coef") { options.sway = Float(sway) }
        options.crossFade = try fields.number("cross_fade_duration") ?? options.crossFade
        options.fixDuration = try fields.number("fix_duration")
        options.nfe = try fields.whole("nfe_step", in: 1...128) ?? defaultNFE
        let seed = try fields.whole("seed", in: 0...Int(UInt32.max))
        options.seed = seed.map { UInt32($0) } ?? UInt32.random(in: 0...UInt32.max)
        try options.validate()
        return options
    }
}

/// The members of a request's JSON object, each read with its type and range checked. A member that
/// is null counts as absent: that is how many clients send what they leave to the server.
private struct Fields {
    private let object: JSONValue

    init(_ body: [UInt8]) throws(SpeechError) {
        let value: JSONValue
        do throws(JSONError) {
            value = try JSONParser.parse(body)
        } catch {
            throw SpeechError(.invalidRequest, "The body is not JSON: \(error).")
        }
        guard case .object = value else {
            throw SpeechError(.invalidRequest, "The body must be a JSON object.")
        }
        object = value
    }

    subscript(_ name: String) -> JSONValue? {
        guard let value = object[name], !value.isNull else { return nil }
        return value
    }

    func string(_ name: String) throws(SpeechError) -> String? {
        guard let value = self[name] else { return nil }
        guard let string = value.string else {
            throw SpeechError(.invalidRequest, "\(name) must be a string.", parameter: name)
        }
        return string
    }

    func required(_ name: String) throws(SpeechError) -> String {
        guard let string = try string(name) else {
            throw SpeechError(.invalidRequest, "\(name) is missing.", parameter: name)
        }
        return string
    }

    func bool(_ name: String) throws(SpeechError) -> Bool? {
        guard let value = self[name] else { return nil }
        guard let bool = value.bool else {
            throw SpeechError(.invalidRequest, "\(name) must be true or false.", parameter: name)
        }
        return bool
    }

    func number(_ name: String) throws(SpeechError) -> Double? {
        guard let value = self[name] else { return nil }
        guard let number = value.number else {
            throw SpeechError(.invalidRequest, "\(name) must be a number.", parameter: name)
        }
        return number
    }

    func whole(_ name: String, in range: ClosedRange<Int>) throws(SpeechError) -> Int? {
        guard let value = self[name] else { return nil }
        guard let number = value.number.flatMap({ Int(exactly: $0) }), range.contains(number) else {
            throw SpeechError(
                .invalidRequest,
                "\(name) must be a whole number from \(range.lowerBound) to \(range.upperBound).",
                parameter: name)
        }
        return number
    }

    static func checkLength(_ text: String, _ name: String) throws(SpeechError) {
        let count = text.unicodeScalars.count
        guard count <= SpeechRequest.longestInput else {
            throw SpeechError(
                .invalidRequest,
                "\(name) has \(count) characters; at most \(SpeechRequest.longestInput) are taken: "
                    + "send longer texts in parts.", parameter: name)
        }
    }
}
