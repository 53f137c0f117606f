import ArgumentParser
import Audio
import F5TTS

/// `skald bench speak`: a whole utterance, cold and warm.
struct BenchSpeakCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "speak",
        abstract: "Time a whole utterance: loading, first audio, real-time factor, memory.",
        discussion: "Cold is the first utterance of the process, warm the second.")

    @Argument(help: "The text.")
    var text =
        "Good evening. This is a sentence of ordinary length, spoken to see how long it takes."

    @Option(help: ArgumentHelp("A stored voice (SKALD_VOICE). Default: heart."))
    var voice: String?

    @Flag(help: "Print one JSON object.")
    var json = false

    @OptionGroup(title: "Model") var model: ModelOptions
    @OptionGroup(title: "Sampling") var sampling: SamplingOptions
    @OptionGroup(title: "Computing") var compute: ComputeOptions
    @OptionGroup(title: "Folders") var models: ModelsFolder
    @OptionGroup(title: "Folders") var folders: FolderOptions

    func run() throws {
        let options = try sampling.options()
        try compute.apply()
        var report = try Measurements(compute)
        let store = folders.voiceStore
        let reference = try store.reference(
            store.voice(Setting.text(voice, "SKALD_VOICE") ?? VoiceAliases.standard))
        let description = try models.catalog.find(
            model.name(in: models.path), arch: model.architecture)
        let (synthesizer, loading) = try Measurements.timed {
            try Synthesizer.load(
                description, weights: model.weightSource, precision: compute.chosenPrecision,
                packs: folders.weightPacks
            ).synthesizer
        }
        report.add("model", synthesizer.name)
        report.add("nfe", Double(options.nfe))
        report.add("reference_seconds", reference.audio.seconds)
        report.add("load_seconds", loading)
        for name in ["cold", "warm"] {
            let summary = try synthesizer.speak(text, voice: reference, options: options) { _ in }
            if name == "cold" { report.add("audio_seconds", summary.audioSeconds) }
            report.add("\(name)_first_audio_seconds", summary.firstAudioSeconds)
            report.add("\(name)_synthesis_seconds", summary.synthesisSeconds)
            report.add("\(name)_sampling_seconds", summary.samplingSeconds)
            report.add("\(name)_vocoder_seconds", summary.vocoderSeconds)
            report.add("\(name)_rtf", summary.rtf)
        }
        report.add("peak_rss_bytes", Measurements.peakResidentBytes)
        report.print(asJSON: json)
    }
}
