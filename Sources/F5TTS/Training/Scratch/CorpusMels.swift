import Audio
import Checkpoints
import Foundation
import Synchronization
import Tensors
import TextFrontEnd

/// Makes the cache of mels of a corpus, unless it is there already.
///
/// Quiet recordings are raised to `level`, as inference raises references, so that training hears
/// what speaking will give it.
package struct CorpusMels: Sendable {
    private let manifest: CorpusManifest
    private let vocabulary: Vocabulary
    private let type: MelType
    private let level: Float

    /// - Parameters:
    ///   - manifest: the recordings, at least one.
    ///   - vocabulary: whose tokens the texts become.
    ///   - type: the mel that the model reads.
    ///   - level: RMS that quieter recordings are raised to; 0 leaves them.
    package init(
        _ manifest: CorpusManifest, _ vocabulary: Vocabulary, _ type: MelType, level: Float
    ) {
        self.manifest = manifest
        self.vocabulary = vocabulary
        self.type = type
        self.level = level
    }

    /// SHA-256 of everything that decides the cache's contents. Recordings count by name, size and
    /// time of change: reading hours of them at every start would take minutes.
    ///
    /// Errors: `badData` for a missing recording or a text that can't be read.
    package func identity() throws(TrainingError) -> String {
        var hash = SHA256()
        hash.update(MelCache.format + " corpus")
        hash.update(type.rawValue)
        hash.update(integers: [vocabulary.count, Int(level.bitPattern)])
        for (utterance, tokens) in zip(manifest.utterances, try tokens()) {
            guard let values = try? FileManager.default.attributesOfItem(atPath: path(utterance)),
                let size = values[.size] as? Int, let date = values[.modificationDate] as? Date
            else {
                throw TrainingError(
                    .badData, "\(path(utterance)) is missing: make the corpus anew.")
            }
            hash.update(utterance.file)
            hash.update(integers: [size, Int(date.timeIntervalSince1970 * 1000)])
            hash.update(integers: [tokens.count] + tokens)
        }
        return hash.hex
    }

    /// Opens the corpus's cache in a folder, or makes it first.
    ///
    /// - Parameters:
    ///   - folder: where caches are; made if missing.
    ///   - running: asked now and then; false ends the work.
    ///   - progress: told how many recordings are done, of how many.
    /// - Returns: the cache, complete, in the manifest's order.
    /// - Throws: `TrainingError` for recordings that can't be used, `CheckpointError` for the disk,
    ///   `CancellationError`.
    package func openOrBuild(
        in folder: String, while running: @escaping @Sendable () -> Bool = { true },
        progress: @escaping @Sendable (Int, Int) -> Void = { _, _ in }
    ) throws -> MelCache {
        let identity = try identity()
        let path = folder + "/corpus-\(identity.prefix(32)).safetensors"
        if FileManager.default.fileExists(atPath: path), let cache = try? MelCache(path: path),
            cache.identity == identity
        {
            return cache
        }
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let work = Work(
            paths: manifest.utterances.map { self.path($0) }, type: type, level: level, running)
        let total = 2 * manifest.utterances.count
        let frames = try work.measure { progress($0, total) }
        let tokens = try tokens()
        let entries = manifest.utterances.indices.map { index in
            MelCache.Entry(
                name: manifest.utterances[index].file, tokens: tokens[index],
                frames: frames[index]
            ) { () throws(CheckpointError) in
                let mel = try work.mel(index)
                progress(total / 2 + index + 1, total)
                return mel
            }
        }
        do throws(CheckpointError) {
            try MelCache.write(
                entries, identity: identity, type: type.rawValue, vocabulary: vocabulary.count,
                to: path)
        } catch {
            throw work.failure ?? error
        }
        return try MelCache(path: path)
    }

    private func path(_ utterance: CorpusManifest.Utterance) -> String {
        ModelFiles.resolve(utterance.file, in: manifest.folder)
    }

    private func tokens() throws(TrainingError) -> [[Int]] {
        var result: [[Int]] = []
        for utterance in manifest.utterances {
            do throws(TextError) {
                result.append(try vocabulary.ids(of: utterance.text))
            } catch {
                throw TrainingError(.badData, "The text of \(utterance.file): \(error)")
            }
        }
        return result
    }

    /// Decodes recordings and makes mels, many at once.
    private final class Work: Sendable {
        private let paths: [String]
        private let spectrogram: MelSpectrogram
        private let level: Float
        private let running: @Sendable () -> Bool
        private let ready = Mutex<[Int: Result<Tensor, any Error>]>([:])
        private let reason = Mutex<(any Error)?>(nil)
        /// Recordings that are worked on at once.
        private static let window = 64

        init(
            paths: [String], type: MelType, level: Float, _ running: @escaping @Sendable () -> Bool
        ) {
            self.paths = paths
            spectrogram = MelSpectrogram(type)
            self.level = level
            self.running = running
        }

        /// Why it stopped, when it was not the file that is written.
        var failure: (any Error)? { reason.withLock { $0 } }

        /// The frames of every recording's mel.
        func measure(_ progress: (Int) -> Void) throws -> [Int] {
            var frames: [Int] = []
            while frames.count < paths.count {
                let range = frames.count..<min(paths.count, frames.count + Self.window)
                frames += try each(range) { [self] in
                    let count = try wave($0).count
                    return spectrogram.frames(count)
                }
                progress(frames.count)
            }
            return frames
        }

        /// The mel of one recording; those after it are made too, and kept for when they are asked.
        func mel(_ index: Int) throws(CheckpointError) -> Tensor {
            do {
                if let mel = ready.withLock({ $0.removeValue(forKey: index) }) {
                    return try mel.get()
                }
                let range = index..<min(paths.count, index + Self.window)
                let mels = try each(range) { [self] in try spectrogram(wave($0)) }
                ready.withLock { ready in
                    for (index, mel) in zip(range, mels) { ready[index] = .success(mel) }
                    ready[index] = nil
                }
                return mels[0]
            } catch {
                reason.withLock { $0 = error }
                throw CheckpointError(.cannotWrite, file: paths[index], "\(error)")
            }
        }

        /// `make` of every index, on all threads; the first error that any of them threw.
        private func each<T: Sendable>(
            _ range: Range<Int>, _ make: (Int) throws -> T
        ) throws -> [T] {
            guard running() else { throw CancellationError() }
            let results = Mutex<[Int: Result<T, any Error>]>([:])
            Parallel.run(range.count) { offset in
                let index = range.lowerBound + offset
                let result = Result { try make(index) }
                results.withLock { $0[index] = result }
            }
            let made = results.withLock { $0 }
            return try range.compactMap { try made[$0]?.get() }
        }

        /// A recording as 24 kHz mono, raised to the level.
        private func wave(_ index: Int) throws -> [Float] {
            let audio: DecodedAudio
            do throws(AudioError) {
                audio = try AudioFile.read(path: paths[index])
            } catch {
                throw TrainingError(.badData, "\(paths[index]): \(error.message)")
            }
            let mono = audio.mono
            let resampler = SincResampler(from: mono.sampleRate, to: MelSpectrogram.sampleRate)
            let samples = resampler(mono.raised(to: level).samples)
            guard samples.count >= spectrogram.shortest else {
                throw TrainingError(.badData, "\(paths[index]) is too short: leave it out.")
            }
            return samples
        }
    }
}
