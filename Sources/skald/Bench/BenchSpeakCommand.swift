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
        func load(_ precision: Precision) throws -> Synthesizer {
            try Synthesizer.load(
                description, weights: model.weightSource, precision: precision,
                packs: folders.weightPacks
            ).synthesizer
        }
        let (synthesizer, loading) = try Measurements.timed { try load(precision) }
        report.add("model", synthesizer.name)
        report.add("nfe", Double(options.nfe))
        report.add("reference_seconds", reference.audio.seconds)
        report.add("load_seconds", loading)
        func speak(
            _ options: SynthesisOptions, with synthesizer: Synthesizer
        ) throws -> (SynthesisSummary, [Float]) {
            var wave: [Float] = []
            let summary = try synthesizer.speak(text, voice: reference, options: options) {
                wave += $0
            }
            return (summary, wave)
        }
        let (cold, _) = try speak(options, with: synthesizer)
        report.add("cold_first_audio_seconds", cold.firstAudioSeconds)
        report.add("cold_rtf", cold.rtf)
        let (warm, wave) = try speak(options, with: synthesizer)
        report.add("audio_seconds", warm.audioSeconds)
        report.add("first_audio_seconds", warm.firstAudioSeconds)
        report.add("synthesis_seconds", warm.synthesisSeconds)
        report.add("preparation_seconds", warm.preparationSeconds)
        report.add("sampling_seconds", warm.samplingSeconds)
        report.add("vocoder_seconds", warm.vocoderSeconds)
        report.add("rtf", warm.rtf)
        if options.economy != .off {
            var exactOptions = options
            exactOptions.economy = .off
            let (exact, expected) = try speak(exactOptions, with: synthesizer)
            let distance = try SpeechDistance(wave, reference: expected)
            report.add("cfg_economy", options.economy.rawValue)
            report.add("exact_sampling_seconds", exact.samplingSeconds)
            report.add("exact_rtf", exact.rtf)
            report.add("mel_l1", distance.melL1)
            report.add("audio_snr_db", distance.audioSNR)
        }
        report.add("peak_rss_bytes", Measurements.peakResidentBytes)
        if let finer {
            let (exact, expected) = try speak(options, with: load(finer))
            let distance = try SpeechDistance(wave, reference: expected)
            report.add("against_precision", finer.rawValue)
            report.add("against_rtf", exact.rtf)
            report.add("against_mel_l1", distance.melL1)
            report.add("against_audio_snr_db", distance.audioSNR)
        }
        report.print(asJSON: json)
    }
}
