import Audio
import F5TTS
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import SpeechServer

extension OverSockets {
    /// `POST /v1/audio/speech` through the real daemon.
    @Suite struct SpeechRoutesTests {
        private func error(_ answer: SocketClient.Answer) throws -> JSONValue {
            try #require(try JSONParser.parse(answer.body)["error"])
        }

        /// What `speak` would write for the same samples.
        private func expected(
            _ format: AudioFormat, rate: Int = 24_000, chunks: Int = 3, seed: UInt32
        ) throws -> [UInt8] {
            let encoder = try SpeechEncoder(format: format, sampleRate: rate, streaming: true)
            var bytes: [UInt8] = []
            for chunk in 0..<chunks {
                bytes += try encoder.encode(FakeSynthesizer.samples(chunk: chunk, seed: seed))
            }
            return bytes + (try encoder.finish())
        }

        @Test(arguments: AudioFormat.allCases) func speaksEachFormat(_ format: AudioFormat) throws {
            let server = try TestServer()
            let client = try server.client()
            let answer = try client.speak([
                ("response_format", .string(format.rawValue)), ("seed", 42),
            ])
            #expect(answer.status == 200)
            #expect(answer.isWhole)
            #expect(answer.headers["content-type"] == format.contentType)
            #expect(answer.headers["transfer-encoding"] == "chunked")
            #expect(answer.headers["x-accel-buffering"] == "no")
            #expect(answer.headers["x-skald-seed"] == "42")
            #expect(answer.body == (try expected(format, seed: 42)))
            // The connection can be used again.
            #expect(try client.request("GET", "/health").status == 200)
        }

        @Test(arguments: [8000, 16000, 22050, 24000, 44100, 48000]) func speaksAtEachRate(
            _ rate: Int
        )
            throws
        {
            let server = try TestServer()
            let answer = try server.client().speak([
                ("sample_rate", .number(Double(rate))), ("seed", 1),
            ])
            #expect(answer.body == (try expected(.pcm, rate: rate, seed: 1)))
        }

        @Test func mp3IsTheDefault() throws {
            let server = try TestServer()
            let answer = try server.client().speak([("response_format", nil)])
            #expect(answer.headers["content-type"] == "audio/mpeg")
        }

        @Test func streamedWAVBeginsWithAnOpenHeader() throws {
            let server = try TestServer()
            let answer = try server.client().speak([("response_format", "wav")])
            let header = Array(answer.body.prefix(44))
            #expect(Array(header[0..<8]) == Array("RIFF".utf8) + [255, 255, 255, 255])
            #expect(Array(header[36..<44]) == Array("data".utf8) + [255, 255, 255, 255])
            let whole = try server.client().speak([("response_format", "wav"), ("stream", false)])
            let size = whole.body.count - 44
            #expect(whole.headers["content-length"] == String(whole.body.count))
            #expect(whole.headers["x-accel-buffering"] == nil)
            #expect(size == 3 * FakeSynthesizer.samplesPerChunk * 2)
            #expect(
                Array(whole.body[40..<44]) == [UInt8(size & 255), UInt8(size >> 8 & 255), 1, 0]
                    || size < 65536)
        }

        @Test func firstAudioComesBeforeTheSynthesisEnds() throws {
            let synthesizer = FakeSynthesizer(chunks: 4, steps: 4, stepSeconds: 0)
            let permits = DispatchSemaphore(value: 0)
            synthesizer.takeSteps(by: permits)
            let server = try TestServer(synthesizer)
            defer {
                permits.signal(times: 16)
                server.stop()
            }
            let client = try server.client()
            client.sendSpeech()
            // The steps of a chunk are not taken before the chunk before it has come.
            permits.signal(times: 4)
            var steps: [Int] = []
            let answer = try client.answer { partial in
                guard partial.body.count % (2 * FakeSynthesizer.samplesPerChunk) == 0 else {
                    return true
                }
                steps.append(synthesizer.stepsDone.load(ordering: .relaxed))
                permits.signal(times: 4)
                return true
            }
            #expect(answer.isWhole)
            #expect(steps == [4, 8, 12, 16])
        }

        @Test func withoutASeedOneIsDrawnAndTold() throws {
            let server = try TestServer()
            let client = try server.client()
            let one = try client.speak()
            let two = try client.speak()
            let seed = try #require(one.headers["x-skald-seed"].flatMap { UInt32($0) })
            #expect(one.headers["x-skald-seed"] != two.headers["x-skald-seed"])
            #expect(one.body == (try expected(.pcm, seed: seed)))
        }

        @Test func voiceMayBeAnObjectAnAliasOrARecording() throws {
            let server = try TestServer()
            let client = try server.client()
            #expect(try client.speak([("voice", ["id": "anna"])]).status == 200)
            #expect(try client.speak([("voice", "alloy")]).status == 200)
            let recording = Data(try TestServer.recording()).base64EncodedString()
            let inline: [(String, JSONValue?)] = [
                ("voice", nil), ("ref_audio", .string(recording)), ("ref_text", "Hello."),
            ]
            #expect(try client.speak(inline).status == 200)
            let url = "data:audio/wav;base64," + recording
            #expect(try client.speak(inline + [("ref_audio", .string(url))]).status == 200)
            let withoutText = try client.speak(inline + [("ref_text", nil)])
            #expect(withoutText.status == 400)
            #expect(try error(withoutText)["param"]?.string == "ref_text")
            let silence =
                WAVHeader.bytes(sampleRate: 24_000, dataBytes: 48_000)
                + [UInt8](repeating: 0, count: 48_000)
            for (bad, status) in [
                ("", 400), ("!!!!", 400), ("https://example.org/a.wav", 400), ("QUJD", 415),
                (Data(silence).base64EncodedString(), 400),
            ] {
                let answer = try client.speak(inline + [("ref_audio", .string(bad))])
                #expect(answer.status == status, "\(bad.prefix(40)): \(answer.text)")
                #expect(try error(answer)["param"]?.string == "ref_audio")
            }
            let small = try TestServer { $0.uploadLimit = 60_000 }
            let large = try small.client().speak(inline)
            #expect(large.status == 413)
            #expect(try error(large)["param"]?.string == "ref_audio")
        }

        @Test func unknownFieldsAndNullsAreIgnored() throws {
            let server = try TestServer()
            let answer = try server.client().speak([
                ("speed", nil), ("foo", ["bar": 1]), ("seed", .null),
                ("instructions", "Cheerfully."),
                ("nfe_step", 8), ("cfg_strength", .number(1.5)), ("sway_sampling_coef", -1),
                ("cross_fade_duration", 0), ("fix_duration", 5), ("language", "en"),
            ])
            #expect(answer.status == 200)
        }

        /// Values, as JSON text, that are refused; a missing one is empty.
        private static let badValues: [String: [String]] = [
            "model": ["", "3"],
            "input": ["", #""""#, #"" \n\t""#, #"["a"]"#],
            "voice": ["", "7", #"{"name":"anna"}"#, "[]"],
            "response_format": [#""opus""#, #""aac""#, #""ogg""#, "1"],
            "speed": ["0", "0.24", "5", #""1""#, #""NaN""#, "true", "[1]"],
            "sample_rate": ["7999", "48001", "24000.5", #""24000""#],
            "seed": ["-1", "1.5", "4294967296", #""7""#],
            "nfe_step": ["0", "129", #""many""#, "1.5"],
            "cfg_strength": ["-1", "1e6"],
            "sway_sampling_coef": ["2", "-1.5"],
            "cross_fade_duration": ["-1", "3"],
            "fix_duration": ["0", "1e9"],
            "stream_format": [#""video""#, "1"],
            "stream": [#""yes""#],
            "instructions": ["5"],
        ]

        /// Every refusal names the field at fault, in the shape that OpenAI's clients expect.
        @Test(arguments: badValues.keys.sorted()) func refuses(_ field: String) throws {
            let server = try TestServer()
            let client = try server.client()
            for text in try #require(Self.badValues[field]) {
                let value = text.isEmpty ? nil : try JSONParser.parse(Array(text.utf8))
                try expectRefusal(client.speak([(field, value)]), 400, field, server)
            }
        }

        @Test func refusesLongInputs() throws {
            let server = try TestServer()
            let client = try server.client()
            // Characters are Unicode scalars: 4,096 of them are taken, whatever their bytes.
            let longest = String(repeating: "é", count: 4096)
            #expect(try client.speak([("input", .string(longest))]).status == 200)
            for text in [longest + "é", String(repeating: "a", count: 1_000_000)] {
                try expectRefusal(client.speak([("input", .string(text))]), 400, "input", server)
            }
        }

        @Test func refusesNamesThatDoNotExist() throws {
            let server = try TestServer()
            let client = try server.client()
            for name in ["nobody", "../../etc/passwd", "", "a/b", "\u{0}", "Anna\u{301}"] {
                let answer = try client.speak([("voice", .string(name))])
                try expectRefusal(answer, 404, "voice", server)
                #expect(try error(answer)["code"]?.string == "voice_not_found")
            }
            let answer = try client.speak([("model", "gpt-9")])
            try expectRefusal(answer, 404, "model", server)
            #expect(try error(answer)["code"]?.string == "model_not_found")
        }

        private func expectRefusal(
            _ answer: SocketClient.Answer, _ status: Int, _ field: String, _ server: TestServer
        ) throws {
            #expect(answer.status == status)
            let error = try error(answer)
            #expect(error["param"]?.string == field)
            #expect(error["type"]?.string == "invalid_request_error")
            #expect(error["code"] != nil)
            let message = try #require(error["message"]?.string)
            #expect(message.contains(" "))
            #expect(!message.contains(server.folder))
        }

        @Test func mp3AtARateItDoesNotKnow() throws {
            let server = try TestServer()
            let answer = try server.client().speak([
                ("response_format", "mp3"), ("sample_rate", 10_000),
            ])
            #expect(answer.status == 400)
            #expect(try error(answer)["param"]?.string == "sample_rate")
        }

        @Test(arguments: [
            "", "[]", "\"text\"", "{", "{\"speed\": NaN}", "{\"input\": \"\\ud800\"}",
            "model=tts-1",
        ]) func refusesBodiesThatAreNotAnObject(_ body: String) throws {
            let server = try TestServer()
            let answer = try server.client().request(
                "POST", "/v1/audio/speech", headers: ["Content-Type": "application/json"],
                body: Array(body.utf8))
            #expect(answer.status == 400)
            #expect(try error(answer)["param"]?.isNull == true)
        }

        @Test func refusesBytesThatAreNotUTF8AndOtherMediaTypes() throws {
            let server = try TestServer()
            let client = try server.client()
            let broken =
                Array(#"{"model":"fake","voice":"anna","input":""#.utf8) + [0xFF, 0xFE, 0x22, 0x7D]
            #expect(try client.request("POST", "/v1/audio/speech", body: broken).status == 400)
            let form = try client.request(
                "POST", "/v1/audio/speech",
                headers: ["Content-Type": "application/x-www-form-urlencoded"],
                body: SocketClient.body())
            #expect(form.status == 415)
        }

        @Test func eventsCarryTheSameAudio() throws {
            let server = try TestServer()
            let answer = try server.client().speak([("stream_format", "sse"), ("seed", 9)])
            #expect(answer.headers["content-type"] == "text/event-stream")
            var audio: [UInt8] = []
            var kinds: [String] = []
            for event in answer.text.components(separatedBy: "\n\n") where !event.isEmpty {
                let lines = event.components(separatedBy: "\n")
                let data = try JSONParser.parse(Array(lines[1].dropFirst("data: ".count).utf8))
                let kind = try #require(data["type"]?.string)
                #expect(lines[0] == "event: \(kind)")
                kinds.append(kind)
                if let text = data["audio"]?.string {
                    audio += [UInt8](try #require(Data(base64Encoded: text)))
                }
                if kind == "speech.audio.done" {
                    #expect(data["usage"]?["input_tokens"]?.number == 13)
                    #expect(data["usage"]?["output_tokens"]?.number == 113)
                    #expect(data["usage"]?["total_tokens"]?.number == 126)
                }
            }
            #expect(
                kinds == [
                    "speech.audio.delta", "speech.audio.delta", "speech.audio.delta",
                    "speech.audio.done",
                ])
            #expect(audio == (try expected(.pcm, seed: 9)))
        }

        @Test func aFailureBeforeTheFirstAudioIsAnError() throws {
            let server = try TestServer(FakeSynthesizer(failingChunk: 0))
            let client = try server.client()
            let answer = try client.speak()
            #expect(answer.status == 500)
            #expect(try error(answer)["type"]?.string == "server_error")
            #expect(!answer.text.contains("secret"))
            #expect(try client.request("GET", "/health").status == 200)
        }

        @Test func aFailureAfterTheFirstAudioCutsTheBodyOff() throws {
            let server = try TestServer(FakeSynthesizer(failingChunk: 1))
            let answer = try server.client().speak()
            #expect(answer.status == 200)
            #expect(answer.body.count == FakeSynthesizer.samplesPerChunk * 2)
            #expect(!answer.isWhole)
            let events = try server.client().speak([("stream_format", "sse")])
            #expect(events.isWhole)
            #expect(events.text.contains("event: speech.audio.error"))
            #expect(!events.text.contains("speech.audio.done"))
            #expect(!events.text.contains("secret"))
        }

        /// Ten thousand short texts, each as slow as the voice: nobody means that.
        @Test func moreThanAnHourOfSpeechIsRefused() throws {
            let server = try TestServer(FakeSynthesizer(steps: 1, stepSeconds: 0))
            let answer = try server.client().speak([("input", "9001")])
            #expect(answer.status == 400)
            #expect(try error(answer)["param"]?.string == "input")
            #expect(server.engine.load == 0)
        }

        @Test func audioThatIsKeptUntilItsEndIsLimited() throws {
            let synthesizer = FakeSynthesizer(steps: 1, stepSeconds: 0)
            let server = try TestServer(synthesizer) { $0.http.audioInMemory = 1 << 20 }
            let whole: [(String, JSONValue?)] = [("stream", false), ("response_format", "wav")]
            // Forty seconds would be 1.9 MB; nothing of them is made.
            let refused = try server.client().speak(whole + [("input", "100")])
            #expect(refused.status == 429)
            #expect(refused.headers["retry-after"] != nil)
            #expect(synthesizer.stepsDone.load(ordering: .relaxed) == 0)
            let answer = try server.client().speak(whole + [("input", "20")])
            #expect(answer.status == 200 && answer.isWhole)
            #expect(answer.body.count == 44 + 20 * FakeSynthesizer.samplesPerChunk * 2)
            #expect(eventually { server.running.service.audioInMemory.inUse == 0 })
        }
    }
}
