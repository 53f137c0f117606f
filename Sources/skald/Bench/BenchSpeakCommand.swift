import ArgumentParser
import Audio
import F5TTS
import Tensors

/// `skald bench speak`: a whole utterance, cold and warm.
struct BenchSpeakCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "speak",
        abstract:
            "Time a whole utterance: loading, first audio, real-time factor, memory; and accuracy.",
        discussion: """
            Cold is the first utterance of the process; the other figures are of the second. Then the \
            same is said from the same noise in each more exact number format, which takes that format's \
            time and memory (peak_rss_bytes is without it): int8 is compared with bf16, and bf16 with \
            f32, by the mel that the sampler came to and by the audio. With --cfg-economy, what the exact \
            rule takes is printed too, and how far apart the two are.
            """)

    @Argument(help: "The text.")
    var text =
        "Good evening. This is a sentence of ordinary length, spoken to see how long it takes."

    @Option(help: ArgumentHelp("A stored voice (SKALD_VOICE). Default: heart."))
    var voice: String?

    @Flag(help: "Chunks and reference of a request with low latency.")
    var lowLatency = false

    @Flag(
        inversion: .prefixedNo,
        help: "Speak in each more exact number format too, and say how far apart they are.")
    var accuracy = true

    @Flag(help: "Print one JSON object.")
    var json = false

    @OptionGroup(title: "Model") var model: ModelOptions
    @OptionGroup(title: "Sampling") var sampling: SamplingOptions
    @OptionGroup(title: "Computing") var compute: ComputeOptions
    @OptionGroup(title: "Folders") var models: ModelsFolder
    @OptionGroup(title: "Folders") var folders: FolderOptions

    func run() throws {
        var options = try sampling.options()
        // The same noise every time, unless asked otherwise.
        options.seed = sampling.seed ?? 0
        options.latency = lowLatency ? .low : .exact
        try compute.apply()
        let store = folders.voiceStore
        let reference = try store.reference(
            store.voice(Setting.text(voice, "SKALD_VOICE") ?? VoiceAliases.standard))
        let description = try models.find(model)
        let precision = try compute.precision(
            for: description, model.weightSource, packs: folders.weightPacks
        ).precision
        var report = try Measurements(compute, precision: precision)
        let bench = SpeechBench(
            model: description, weights: try model.weightSource, text: text, voice: reference,
            options: options)
        let speech = try measure(bench, precision, &report)
        report.add("peak_rss_bytes", Measurements.peakResidentBytes)
        if accuracy { try compare(speech, precision, bench, &report) }
        report.print(asJSON: json)
    }

    /// Loads the model and says it twice; returns what was said.
    private func measure(
        _ bench: SpeechBench, _ precision: Precision, _ report: inout Measurements
    ) throws -> SampledSpeech {
        let (synthesizer, loading) = try Measurements.timed {
            try bench.load(precision, packs: folders.weightPacks)
        }
        report.add("model", synthesizer.name)
        report.add("nfe", Double(bench.options.nfe))
        report.add("reference_seconds", bench.voice.audio.seconds)
        report.add("load_seconds", loading)
        let cold = try bench.speak(with: synthesizer).summary
        report.add("cold_first_audio_seconds", cold.firstAudioSeconds)
        report.add("cold_rtf", cold.rtf)
        let (speech, warm) = try bench.speak(with: synthesizer)
        report.add("audio_seconds", warm.audioSeconds)
        report.add("first_audio_seconds", warm.firstAudioSeconds)
        report.add("synthesis_seconds", warm.synthesisSeconds)
        report.add("preparation_seconds", warm.preparationSeconds)
        report.add("sampling_seconds", warm.samplingSeconds)
        report.add("vocoder_seconds", warm.vocoderSeconds)
        report.add("rtf", warm.rtf)
        if bench.options.economy != .off {
            var exactBench = bench
            exactBench.options.economy = .off
            let exact = try exactBench.speak(with: synthesizer)
            let distance = SpeechDistance(speech, reference: exact.speech)
            report.add("cfg_economy", bench.options.economy.rawValue)
            report.add("exact_sampling_seconds", exact.summary.samplingSeconds)
            report.add("exact_rtf", exact.summary.rtf)
            report.add("mel_l1", distance.melL1)
            report.add("audio_snr_db", distance.audioSNR)
        }
        return speech
    }

    /// How far `speech` is from the same in the next more exact format, that from the next, and so on.
    private func compare(
        _ speech: SampledSpeech, _ precision: Precision, _ bench: SpeechBench,
        _ report: inout Measurements
    ) throws {
        var (speech, precision) = (speech, precision)
        while let finer = precision.finer {
            // What is only compared with is not worth a pack's disk space.
            let exact = try bench.speak(with: bench.load(finer)).speech
            let distance = SpeechDistance(speech, reference: exact)
            let pair = "\(precision.rawValue)_against_\(finer.rawValue)"
            report.add("\(pair)_mel_l1", distance.melL1)
            report.add("\(pair)_audio_snr_db", distance.audioSNR)
            (speech, precision) = (exact, finer)
        }
    }
}
