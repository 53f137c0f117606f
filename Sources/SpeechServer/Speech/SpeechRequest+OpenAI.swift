import Audio
import Checkpoints
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
    ///   - defaults: what holds where the request does not say.
    /// - Throws: `invalidRequest` naming the field at fault.
    package init(openAI body: [UInt8], defaults: Defaults) throws(SpeechError) {
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
        voice = AdaptedModelName(model) == nil ? try Self.voice(fields) : .ofModel
        weights = try fields.choice("weights", of: WeightSource.self) ?? .auto
        format = try Self.format(fields)
        sampleRate =
            try fields.whole("sample_rate", in: SpeechEncoder.sampleRates)
            ?? SpeechEncoder.inputRate
        delivery = try Self.delivery(fields)
        options = try Self.options(fields, defaults, delivery)
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
        _ fields: Fields, _ defaults: Defaults, _ delivery: Delivery
    ) throws(SpeechError) -> SynthesisOptions {
        var options = SynthesisOptions()
        options.speed = try fields.number("speed") ?? options.speed
        if let strength = try fields.number("cfg_strength") {
            options.cfgStrength = Float(strength)
        }
        if let sway = try fields.number("sway_sampling_coef") { options.sway = Float(sway) }
        options.crossFade = try fields.number("cross_fade_duration") ?? options.crossFade
        options.fixDuration = try fields.number("fix_duration")
        let seed = try fields.whole("seed", in: 0...Int(UInt32.max))
        options.seed = seed.map { UInt32($0) } ?? UInt32.random(in: 0...UInt32.max)
        // Who gives a seed wants the same audio again.
        options.latency =
            try latency(fields) ?? defaults.latency ?? (seed == nil ? .low : .exact)
        let isAuto = fields["nfe_step"]?.string == "auto"
        let asked = isAuto ? nil : try fields.whole("nfe_step", in: 1...128)
        options.nfe = asked ?? (isAuto ? nil : defaults.nfe) ?? Defaults.exactNFE
        // Where nobody listens while it is made there is time for the most, which are also forecast.
        if case .stream = delivery {
            options.adaptsSteps =
                asked == nil && (isAuto || defaults.nfe == nil && options.latency == .low)
        }
        options.economy = defaults.economy
        try options.validate()
        return options
    }

    private static func latency(
        _ fields: Fields
    ) throws(SpeechError) -> SynthesisOptions.Latency? {
        guard let name = try fields.string("latency") else { return nil }
        guard let latency = SynthesisOptions.Latency(rawValue: name) else {
            throw SpeechError(
                .invalidRequest, "latency must be low or exact.", parameter: "latency")
        }
        return latency
    }
}
