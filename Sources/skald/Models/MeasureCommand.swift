import ArgumentParser
import F5TTS
import Tensors

/// `skald models measure`: whether a model may speak in int8 without being asked to.
struct MeasureCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "measure",
        abstract: "Measure how far a model's int8 speech is from its bf16 speech.",
        discussion: """
            Speaks a short sentence in both formats from the same noise, all steps of it, and prints the \
            audio SNR and the mean difference of the log mels that the sampler came to. The SNR is kept \
            beside the packed weights; from then on --precision auto takes int8 for these weights on \
            this kind of CPU where it is at least 25 dB. Costs 16 steps of each format.
            """)

    @Flag(help: "Print one JSON object.")
    var json = false

    @OptionGroup(title: "Model") var model: ModelOptions
    @OptionGroup(title: "Computing") var compute: ThreadOptions
    @OptionGroup(title: "Folders") var models: ModelsFolder
    @OptionGroup(title: "Folders") var folders: FolderOptions

    func run() throws {
        try compute.apply()
        let description = try models.find(model)
        let source = try model.weightSource
        let store = folders.voiceStore
        let reference = try store.reference(store.voice(VoiceAliases.standard))
        var options = SynthesisOptions()
        options.nfe = 16
        options.seed = 0
        let bench = SpeechBench(
            model: description, weights: source, text: "Good evening, and welcome.",
            voice: reference, options: options)
        func speak(_ precision: Precision) throws -> SampledSpeech {
            try bench.speak(with: bench.load(precision, packs: folders.weightPacks)).speech
        }
        let distance = try SpeechDistance(speak(.int8), reference: speak(.bf16))
        let file = try description.keep(
            int8SNR: distance.audioSNR, source, packs: folders.weightPacks)
        var report = Measurements()
        report.add("model", description.name)
        report.add("kernel_level", Kernels.level.rawValue)
        report.add("audio_snr_db", distance.audioSNR)
        report.add("mel_l1", distance.melL1)
        report.add(
            "auto_precision",
            try description.fastestPrecision(source, packs: folders.weightPacks).precision.rawValue)
        report.add("kept_in", file)
        report.print(asJSON: json)
    }
}
