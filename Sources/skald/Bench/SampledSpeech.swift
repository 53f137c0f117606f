/// Speech, and the mel that it was made of.
struct SampledSpeech {
    /// The log mel that the sampler came to, row-major; of the frames that became speech.
    var mel: [Float] = []
    /// What the vocoder made of it, 24 kHz mono.
    var wave: [Float] = []
}
