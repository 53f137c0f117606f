import Audio
import F5TTS
import Foundation

/// How encoded audio travels in a response body.
package enum StreamFraming: Sendable {
    /// The bytes as they are.
    case audio
    /// Server-sent events that carry the bytes in base64 (`stream_format: sse`).
    case events

    /// What carries encoded audio; nothing where there is none.
    package func delta(_ bytes: [UInt8]) -> [UInt8] {
        switch self {
        case .audio: return bytes
        case .events:
            guard !bytes.isEmpty else { return [] }
            return event(
                "speech.audio.delta",
                [
                    "type": "speech.audio.delta",
                    "audio": .string(Data(bytes).base64EncodedString()),
                ])
        }
    }

    /// What follows the last audio. Tokens are characters of text and frames of mel.
    package func done(text: String, summary: SynthesisSummary) -> [UInt8] {
        guard case .events = self else { return [] }
        let input = text.unicodeScalars.count
        let output = summary.spokenFrames
        return event(
            "speech.audio.done",
            [
                "type": "speech.audio.done",
                "usage": [
                    "input_tokens": .number(Double(input)),
                    "output_tokens": .number(Double(output)),
                    "total_tokens": .number(Double(input + output)),
                ],
            ])
    }

    /// How a failure is told after audio has been sent; nil where the body can only be cut off.
    package func failure(_ error: any Error) -> [UInt8]? {
        guard case .events = self else { return nil }
        return event(
            "speech.audio.error",
            ["type": "speech.audio.error", "error": ErrorResponse(error).json])
    }

    private func event(_ name: String, _ data: JSONValue) -> [UInt8] {
        Array("event: \(name)\ndata: ".utf8) + data.bytes + Array("\n\n".utf8)
    }
}

extension SynthesisSummary {
    /// Mel frames of the audio.
    var spokenFrames: Int { Int((audioSeconds * MelSpectrogram.framesPerSecond).rounded()) }
}
