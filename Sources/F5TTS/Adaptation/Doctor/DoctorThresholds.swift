/// The numbers that the recording doctor decides by, each with its reason.
///
/// They are meant for one voice read or spoken clearly. None depends on a language; what does, speech
/// rate, is compared with the other clips of the same voice.
package enum DoctorThresholds {
    /// Seconds of a training clip. The reference skips all others (`CustomDataset` in
    /// `f5_tts/model/dataset.py`).
    package static let trainingSeconds = FrameBatchSampler.acceptedSeconds
    /// Seconds of a reference: the reference's inference cuts what is longer than 12 s, and with less
    /// than 3 s there is too little of the voice; very short ones make it babble.
    package static let referenceSeconds = 3.0...12.0
    /// Seconds below which a reference is of no use.
    package static let shortestReference = 0.5

    /// Characters of a clip's text beyond which it is not even read: a clip lasts some tens of seconds.
    package static let longestText = 5000

    /// dBFS of speech at or below which there is none: quieter than any microphone's own noise.
    package static let silentLevel = -70.0
    /// dBFS of speech below which a clip is not used: 16 bits leave it 40 dB above their own noise.
    package static let tooQuietLevel = -60.0
    /// RMS below which a clip is quiet: it is raised by 14 dB or more, and its background with it.
    package static let quietRMS: Float = 0.02

    /// Samples in a row at the highest level that make a flat top; speech passes its peak in one or two.
    package static let flatTop = 4
    /// Flat tops that a clip may have by chance.
    package static let fewFlatTops = 2
    /// Peaks below this are nobody's limit, full scale being 1.
    package static let clippingPeak: Float = 0.1
    /// Share of samples in flat tops that can be heard as a crackle.
    package static let clippedShare = 0.0001
    /// Share of samples in flat tops that makes every loud vowel distorted.
    package static let ruinedShare = 0.01

    /// dB of speech above the background below which the model learns the background too. A quiet room
    /// gives 35 and more, a laptop's microphone 25.
    package static let noisyRatio = 20.0
    /// dB below which it is hardly speech: there are no pauses, or noise as loud as the voice.
    package static let drownedRatio = 8.0

    /// Mean of the samples above which the lowest mel bands see it; speech itself has under 0.0005.
    package static let offset: Float = 0.002

    /// dB below the speech level within which the first or last 10 ms are the middle of a sound.
    package static let cutOffRange = 12.0
    /// dB above the background that those must be too.
    package static let cutOffMargin = 6.0

    /// Seconds of silence at an end that are trimmed, because the model would learn to be silent.
    package static let silentEdge = 0.5
    /// Seconds of silence that stay at a trimmed end, so that onsets and echoes are whole.
    package static let keptEdge = 0.2
    /// Seconds of silence between words that are shortened: nothing in the text says them, and they
    /// teach the model to stop anywhere. The reference's own preparation cuts at 1 s too.
    package static let longPause = 1.0
    /// Seconds of a shortened pause that stay.
    package static let keptPause = 0.5

    /// The mono mix must have this share of the louder channel's RMS, or the channels cancel out.
    package static let mixShare: Float = 0.4

    /// Hz below which recordings sound dull: the model's mel reaches 12 kHz.
    package static let dullRate = 22_050
    /// Hz below which there is too little of a voice.
    package static let lowestRate = 8_000

    /// Share of tokens that the vocabulary lacks above which the text is in another language than the
    /// model's: a name or a symbol here and there is less.
    package static let foreignShare = 0.2

    /// UTF-8 bytes that may be missing or too many whatever the length: a short word.
    package static let rateSlack = 8.0
    /// Bytes per second of speech, by the bytes that most letters take: Latin; Greek, Cyrillic, Arabic;
    /// the rest, where a Han character is a syllable and a Thai letter a sound.
    package static let plausibleRates = [1: 8.0...28.0, 2: 14.0...52.0, 3: 8.0...70.0]
    /// Beyond the plausible rates by this factor, text and audio do not belong together.
    package static let impossibleFactor = 1.5
    /// Clips from which their common speech rate is taken.
    package static let rateClips = 8
    /// Times faster or slower than the voice's median that is worth a look, and that is wrong.
    package static let rateWarning = 1.6
    package static let rateLimit = 2.2

    /// Seconds of a training clip that may become the voice's reference.
    package static let choiceSeconds = 3.0...8.0
    /// Seconds up to which a reference costs no more than it must: its length is computed again with
    /// every sentence.
    package static let choiceIdeal = 5.0
}
