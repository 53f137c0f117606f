import ArgumentParser
import Audio
import F5TTS
import Tensors

/// `skald bench speak`: a whole utterance, cold and warm.
struct BenchSpeakCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "speak",
        abstract: "Time a whole utterance: loading, first audio, real-time factor, memory.",
        discussion: """
            Cold is the first utterance of the process; the other figures are of the second. With \
            --cfg-economy, what the exact rule takes is printed beside it, and how far apart the two \
            are; with --accuracy, the same for the next more exact number format (bf16 against f32, \
            int8 against bf16), over the whole trajectory from the same noise.
            """)

    @Argument(help: "The text.")
    var text =
        "Good evening. This is a sentence of ordinary length, spoken to see how long it takes."

    @Option(help: ArgumentHelp("A stored voice (SKALD_VOICE). Default: heart."))
    var voice: String?

    @Flag(help: "Chunks and reference of a request with low latency.")
    var lowLatency = false

    @Flag(help: "Speak in the next more exact number format too, and say how far apart they are.")
    var accuracy = false

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
        let finer = accuracy ? precision.finer : nil
        guard !accuracy || finer != nil else {
            throw CommandError(
                "--accuracy compares with the next more exact format, and there is none above "
                    + "\(precision.rawValue): give another --precision.")
        }
        var report = try Measurements(compute, precision: precision)
        let bench = SpeechBench(
            model: description, weights: try model.weightSource, text: text, voice: reference,
            options: options)
        let speech = try measure(bench, precision, &report)
        report.add("peak_rss_bytes", Measurements.peakResidentBytes)
        if let finer {
            let exact = try bench.speak(with: bench.load(finer, packs: folders.weightPacks))
            let distance = SpeechDistance(speech, reference: exact.speech)
            report.add("against_precision", finer.rawValue)
            report.add("against_rtf", exact.summary.rtf)
            report.add("against_mel_l1", distance.melL1)
            report.add("against_audio_snr_db", distance.audioSNR)
        }
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
}
