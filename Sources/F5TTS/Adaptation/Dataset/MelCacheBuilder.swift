import Audio
import Checkpoints
import Foundation
import Synchronization
import Tensors
import TextFrontEnd

/// Makes the cache of mels for a set of clips, unless it is there already.
///
/// Mirrors the training data path of the reference (`CustomDataset` in `f5_tts/model/dataset.py`): mean
/// of the channels, resampled to 24 kHz, mel. Only quiet clips are raised first, as inference raises
/// references, so that a voice is trained at the level that it is asked for.
package struct MelCacheBuilder: Sendable {
    static let bands = MelSpectrogram.bands

    private let clips: [PreparedClip]
    private let type: MelType
    /// How many tokens there are; every id is below.
    private let vocabulary: Int
    private let level: Float

    /// - Parameters:
    ///   - clips: what to make mels of; at least one.
    ///   - type: the mel that the model reads.
    ///   - vocabulary: how many tokens the vocabulary has.
    ///   - level: RMS that quieter clips are raised to; 0 leaves them.
    package init(
        _ clips: [PreparedClip], _ type: MelType, vocabulary: Int,
        level: Float = ReferenceAudio.targetRMS
    ) {
        precondition(!clips.isEmpty, "MelCacheBuilder: no clips")
        precondition(
            clips.allSatisfy { clip in
                !clip.tokens.isEmpty && clip.tokens.allSatisfy { (0..<vocabulary).contains($0) }
            }, "MelCacheBuilder: tokens beyond \(vocabulary)")
        self.clips = clips
        self.type = type
        self.vocabulary = vocabulary
        self.level = level
    }

    /// SHA-256 of everything that decides the cache's contents: the clips' samples and repairs, their
    /// names and tokens, and the kind of mel.
    package var identity: String {
        var hash = SHA256()
        hash.update(MelCache.format)
        hash.update(type.rawValue)
        hash.update(integers: [vocabulary, clips.count, Int(level.bitPattern)])
        for clip in clips {
            hash.update(clip.contentHash)
            hash.update(clip.clip.name)
            hash.update(integers: [clip.repair.channel ?? -1, clip.samples, clip.sampleRate])
            hash.update(integers: [Int(clip.repair.offset.bitPattern)])
            let kept = (clip.repair.kept ?? []).flatMap { [$0.lowerBound, $0.upperBound] }
            hash.update(integers: [kept.count] + kept)
            hash.update(integers: [clip.tokens.count] + clip.tokens)
        }
        return hash.hex
    }

    /// The name of the cache of that identity.
    static func fileName(_ identity: String) -> String { "mels-\(identity.prefix(32)).safetensors" }

    /// Opens the cache of these clips in a folder, or makes it first.
    ///
    /// It appears under its identity's name only when it is whole and on the disk; a damaged one is
    /// made again.
    ///
    /// - Parameters:
    ///   - folder: where caches are; made if missing.
    ///   - running: asked before every clip; false ends the work.
    ///   - progress: told how many clips are done.
    /// - Returns: the cache, complete.
    /// - Throws: `CancellationError`; `CheckpointError` for the disk; `SpeechError` when a recording
    ///   has changed since it was examined.
    package func openOrBuild(
        in folder: String, while running: @escaping @Sendable () -> Bool = { true },
        progress: @escaping @Sendable (Int) -> Void = { _ in }
    ) throws -> MelCache {
        let identity = identity
        let path = folder + "/" + Self.fileName(identity)
        if FileManager.default.fileExists(atPath: path), let cache = try? MelCache(path: path),
            cache.identity == identity
        {
            return cache
        }
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try build(path, identity, running, progress)
        return try MelCache(path: path)
    }

    private func build(
        _ path: String, _ identity: String, _ running: @escaping @Sendable () -> Bool,
        _ progress: @escaping @Sendable (Int) -> Void
    ) throws {
        let work = Work(type: type, level: level)
        let entries = clips.enumerated().map { index, clip in
            MelCache.Entry(name: clip.clip.name, tokens: clip.tokens, frames: frames(clip)) {
                () throws(CheckpointError) in
                let mel = try work.mel(clip, running)
                progress(index + 1)
                return mel
            }
        }
        do throws(CheckpointError) {
            try MelCache.write(
                entries, identity: identity, type: type.rawValue, vocabulary: vocabulary, to: path)
        } catch {
            throw work.reason.withLock { $0 } ?? error
        }
    }

    private func frames(_ clip: PreparedClip) -> Int {
        let resampler = SincResampler(from: clip.sampleRate, to: MelSpectrogram.sampleRate)
        return MelSpectrogram(type).frames(resampler.count(clip.samples))
    }

    /// Decodes clips one after the other and makes their mels.
    private final class Work: Sendable {
        private let reader = RecordingReader()
        private let spectrogram: MelSpectrogram
        private let level: Float
        /// Why it stopped, when it was not the file that is written.
        let reason = Mutex<(any Error)?>(nil)

        init(type: MelType, level: Float) {
            spectrogram = MelSpectrogram(type)
            self.level = level
        }

        func mel(
            _ prepared: PreparedClip, _ running: () -> Bool
        ) throws(CheckpointError) -> Tensor {
            do {
                guard running() else { throw CancellationError() }
                Parallel.standAside()
                let audio = try reader.audio(of: prepared.clip)
                guard audio.contentHash == prepared.contentHash else {
                    throw SpeechError(
                        .unavailable,
                        "\"\(prepared.clip.name)\" has changed since it was examined: begin again.")
                }
                let wave = prepared.repair(audio).raised(to: level)
                let resampler = SincResampler(
                    from: wave.sampleRate, to: MelSpectrogram.sampleRate)
                return try spectrogram(resampler(wave.samples))
            } catch {
                reason.withLock { $0 = error }
                throw CheckpointError(.cannotWrite, file: prepared.clip.name, "\(error)")
            }
        }
    }
}
