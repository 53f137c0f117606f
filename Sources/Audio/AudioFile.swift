import Foundation

/// Reads recordings that people bring.
package enum AudioFile {
    /// What a recording may be at most; checked before memory is asked for.
    package struct Limits: Sendable {
        /// Size of the file.
        package var bytes = 64 << 20
        package var channels = 8
        package var seconds = 600.0
        /// Samples of all channels together, which bounds memory at two bytes each.
        package var samples = 64 << 20

        package init() {}
    }

    /// The rates in Hz that a recording may have.
    package static let sampleRates = 1...384_000

    /// Reads and decodes a file in any format that libsndfile knows.
    package static func read(
        path: String, limits: Limits = Limits()
    ) throws(AudioError) -> DecodedAudio {
        try read(bytes: contents(of: path, atMost: limits.bytes), limits: limits)
    }

    /// Decodes a file held in memory, in any format that libsndfile knows.
    ///
    /// The number of frames in the header is never believed: frames are read in blocks until there
    /// are no more or a limit is passed. A file that ends before what its header promises is
    /// refused, because half a recording does not fit its text.
    package static func read(
        bytes: [UInt8], limits: Limits = Limits()
    ) throws(AudioError) -> DecodedAudio {
        guard bytes.count <= limits.bytes else { throw tooManyBytes(limits.bytes) }
        guard !bytes.isEmpty else {
            throw AudioError(.undecodable, "The audio file is empty.")
        }
        guard let file = SoundFileReader(bytes: bytes) else {
            throw AudioError(
                .undecodable,
                "This is not audio that can be decoded, or it is damaged: "
                    + "send WAV, FLAC, MP3, Ogg Vorbis, Opus or AIFF.")
        }
        guard sampleRates.contains(file.sampleRate) else {
            throw AudioError(
                .sampleRate,
                "The recording's sample rate of \(file.sampleRate) Hz is not supported: "
                    + "convert it to at most \(sampleRates.upperBound) Hz.")
        }
        guard file.channels >= 1, file.channels <= limits.channels else {
            throw AudioError(
                .tooLarge,
                "The recording has \(file.channels) channels, \(limits.channels) are allowed: "
                    + "mix it down to mono.")
        }
        let samples = try decode(file, limits)
        guard !samples.isEmpty else {
            throw AudioError(.undecodable, "The audio file holds no samples.")
        }
        let frames = samples.count / file.channels
        if isCutShort(file, frames: frames, bytes) {
            throw AudioError(
                .undecodable, "The audio file ends before its own header says: upload it again.")
        }
        return DecodedAudio(
            samples: samples, channels: file.channels, sampleRate: file.sampleRate)
    }

    private static func decode(
        _ file: SoundFileReader, _ limits: Limits
    ) throws(AudioError) -> [Int16] {
        let most = min(
            Int(limits.seconds * Double(file.sampleRate)), limits.samples / file.channels)
        let block = max(1, 65_536 / file.channels)
        var samples: [Int16] = []
        samples.reserveCapacity(min(file.claimedFrames ?? block, most, 1 << 20) * file.channels)
        while true {
            let more = file.read(frames: block)
            guard !more.isEmpty else { return samples }
            samples += more
            guard samples.count / file.channels <= most else {
                let seconds = Double(most) / Double(file.sampleRate)
                throw AudioError(
                    .tooLarge,
                    "The recording is longer than \(Int(seconds.rounded(.down))) s: cut it.")
            }
        }
    }

    private static func isCutShort(
        _ file: SoundFileReader, frames: Int, _ bytes: [UInt8]
    ) -> Bool {
        // Encoders are known to be wrong by a few samples; nobody misses 20 ms.
        if let claimed = file.claimedFrames, frames < claimed - file.sampleRate / 50,
            !file.isMPEG || FileLayout.declaresMPEGLength(bytes)
        {
            return true
        }
        return FileLayout.endsInsideItsData(bytes)
    }

    private static func tooManyBytes(_ limit: Int) -> AudioError {
        AudioError(
            .tooLarge,
            "The audio file is larger than \(limit >> 20) MiB: cut it or send it as FLAC or MP3.")
    }

    /// Reads a whole file, or gives up one byte after the limit: sizes of devices and pipes lie.
    private static func contents(of path: String, atMost limit: Int) throws(AudioError) -> [UInt8] {
        guard let file = fopen(path, "rb") else {
            throw AudioError(
                .unavailable,
                "The audio file cannot be opened: \(String(cString: strerror(errno))).")
        }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        let step = 1 << 20
        while true {
            let block = [UInt8](unsafeUninitializedCapacity: step) { buffer, count in
                count = fread(buffer.baseAddress, 1, step, file)
            }
            bytes += block
            guard bytes.count <= limit else { throw tooManyBytes(limit) }
            if block.count < step { break }
        }
        guard ferror(file) == 0 else {
            throw AudioError(.unavailable, "The audio file cannot be read: is it a folder?")
        }
        return bytes
    }
}
