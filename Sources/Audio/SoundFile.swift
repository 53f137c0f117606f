import CSndFile

/// Decodes any format that libsndfile reads, from bytes in memory.
///
/// All calls to libsndfile are in this file. Virtual input only: no path and no name reach the
/// library, so it decides by content.
final class SoundFileReader {
    private let handle: OpaquePointer
    private let source: ByteSource
    let channels: Int
    let sampleRate: Int
    /// The number of frames that the header claims, `nil` where it claims none. Not to be trusted.
    let claimedFrames: Int?
    /// Whether the file holds MPEG audio, whose claimed length is often only an estimate.
    let isMPEG: Bool
    private let isFloating: Bool

    /// Opens `bytes`, or gives `nil` where they are not audio that the library knows.
    init?(bytes: [UInt8]) {
        source = ByteSource(bytes)
        var io = SF_VIRTUAL_IO(
            get_filelen: { sf_count_t(ByteSource.of($0).bytes.count) },
            seek: { ByteSource.of($2).seek($0, whence: $1) },
            read: { ByteSource.of($2).read(into: $0, count: $1) },
            write: { _, _, _ in 0 },
            tell: { sf_count_t(ByteSource.of($0).position) })
        var info = SF_INFO()
        let context = Unmanaged.passUnretained(source).toOpaque()
        guard let handle = sf_open_virtual(&io, Int32(SFM_READ), &info, context) else {
            return nil
        }
        self.handle = handle
        channels = Int(info.channels)
        sampleRate = Int(info.samplerate)
        claimedFrames = info.frames >= 0 && info.frames < .max ? Int(info.frames) : nil
        let subtype = Int(info.format) & Int(SF_FORMAT_SUBMASK)
        isMPEG =
            subtype == Int(SF_FORMAT_MPEG_LAYER_I) || subtype == Int(SF_FORMAT_MPEG_LAYER_II)
            || subtype == Int(SF_FORMAT_MPEG_LAYER_III)
        isFloating =
            isMPEG
            || [SF_FORMAT_FLOAT, SF_FORMAT_DOUBLE, SF_FORMAT_VORBIS, SF_FORMAT_OPUS]
                .contains { Int($0) == subtype }
    }

    deinit { sf_close(handle) }

    /// Decodes up to `count` further frames; empty at the end.
    ///
    /// Integer formats keep their upper 16 bits, floating-point ones are rounded and clipped.
    func read(frames count: Int) -> [Int16] {
        let capacity = count * channels
        if isFloating {
            let values = [Float](unsafeUninitializedCapacity: capacity) { buffer, filled in
                let frames = sf_readf_float(handle, buffer.baseAddress, sf_count_t(count))
                filled = max(0, min(Int(frames), count)) * channels
            }
            return PCM16.samples(values)
        }
        return [Int16](unsafeUninitializedCapacity: capacity) { buffer, filled in
            let frames = sf_readf_short(handle, buffer.baseAddress, sf_count_t(count))
            filled = max(0, min(Int(frames), count)) * channels
        }
    }
}

/// Encodes 16-bit mono samples as FLAC or MP3 into memory.
///
/// A streaming writer never goes back, as if it wrote to a socket: headers leave the length open.
/// Otherwise the bytes are complete, with exact headers, after `close`.
final class SoundFileWriter {
    enum Codec { case flac, mp3 }

    private var handle: OpaquePointer?
    private let sink: ByteSink

    init(_ codec: Codec, sampleRate: Int, streaming: Bool) throws(AudioError) {
        sink = ByteSink(isSeekable: !streaming)
        var io = SF_VIRTUAL_IO(
            get_filelen: { sf_count_t(ByteSink.of($0).end) },
            seek: { ByteSink.of($2).seek($0, whence: $1) },
            read: { _, _, _ in 0 },
            write: { ByteSink.of($2).write($0, count: $1) },
            tell: { sf_count_t(ByteSink.of($0).position) })
        var info = SF_INFO()
        info.samplerate = Int32(clamping: sampleRate)
        info.channels = 1
        switch codec {
        case .flac: info.format = Int32(SF_FORMAT_FLAC | SF_FORMAT_PCM_16)
        case .mp3: info.format = Int32(SF_FORMAT_MPEG | SF_FORMAT_MPEG_LAYER_III)
        }
        let context = Unmanaged.passUnretained(sink).toOpaque()
        handle = sf_open_virtual(&io, Int32(SFM_WRITE), &info, context)
        guard handle != nil else {
            throw AudioError(
                .encoding,
                "This build of libsndfile cannot write \(codec) at \(sampleRate) Hz: "
                    + "ask for wav or pcm.")
        }
        if codec == .mp3 { try setConstantBitRate(sampleRate) }
    }

    deinit { if let handle { sf_close(handle) } }

    /// Encodes samples and gives the bytes that are ready, which for a writer that does not stream
    /// are none.
    func write(_ samples: [Int16]) throws(AudioError) -> [UInt8] {
        guard let handle,
            sf_write_short(handle, samples, sf_count_t(samples.count)) == samples.count
        else {
            throw AudioError(.encoding, "The audio encoder refused the samples.")
        }
        return sink.isSeekable ? [] : sink.take()
    }

    /// Ends the stream and gives the remaining bytes.
    func close() throws(AudioError) -> [UInt8] {
        guard let open = handle else { return [] }
        handle = nil
        guard sf_close(open) == 0 else {
            throw AudioError(.encoding, "The audio encoder could not finish.")
        }
        return sink.take()
    }

    /// A constant rate lets players show the time of a stream whose length nobody knows.
    private func setConstantBitRate(_ sampleRate: Int) throws(AudioError) {
        // The library turns a "compression level" from 0 to 1 into a rate within MPEG's range.
        let (lowest, highest, wanted) =
            switch sampleRate {
            case 32_000...: (32.0, 320.0, 128.0)
            case 16_000...: (8.0, 160.0, 64.0)
            default: (8.0, 64.0, 32.0)
            }
        // Half a kilobit more, because the library truncates.
        var level = (highest - wanted - 0.5) / (highest - lowest)
        var mode = Int32(SF_BITRATE_MODE_CONSTANT)
        sf_command(handle, Int32(SFC_SET_BITRATE_MODE), &mode, Int32(MemoryLayout<Int32>.size))
        let accepted = sf_command(
            handle, Int32(SFC_SET_COMPRESSION_LEVEL), &level, Int32(MemoryLayout<Double>.size))
        guard accepted == Int32(SF_TRUE) else {
            throw AudioError(.encoding, "The MP3 encoder refused its bit rate.")
        }
    }
}

/// Bytes that libsndfile reads through callbacks.
private final class ByteSource {
    let bytes: [UInt8]
    private(set) var position = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    static func of(_ context: UnsafeMutableRawPointer?) -> ByteSource {
        Unmanaged<ByteSource>.fromOpaque(context!).takeUnretainedValue()
    }

    func seek(_ offset: sf_count_t, whence: Int32) -> sf_count_t {
        let origin = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? position : bytes.count
        let (target, overflow) = origin.addingReportingOverflow(Int(offset))
        guard !overflow, target >= 0 else { return -1 }
        position = target
        return sf_count_t(target)
    }

    func read(into destination: UnsafeMutableRawPointer?, count: sf_count_t) -> sf_count_t {
        guard let destination, count > 0, position < bytes.count else { return 0 }
        let length = min(Int(count), bytes.count - position)
        bytes.withUnsafeBytes { source in
            destination.copyMemory(from: source.baseAddress! + position, byteCount: length)
        }
        position += length
        return sf_count_t(length)
    }
}

/// Bytes that libsndfile writes through callbacks.
private final class ByteSink {
    /// Whether bytes already written may be changed. If not, they may be taken away at any time.
    let isSeekable: Bool
    private var bytes: [UInt8] = []
    private var taken = 0
    private(set) var position = 0

    init(isSeekable: Bool) { self.isSeekable = isSeekable }

    static func of(_ context: UnsafeMutableRawPointer?) -> ByteSink {
        Unmanaged<ByteSink>.fromOpaque(context!).takeUnretainedValue()
    }

    /// The length of the file so far.
    var end: Int { taken + bytes.count }

    func seek(_ offset: sf_count_t, whence: Int32) -> sf_count_t {
        let origin = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? position : end
        let (target, overflow) = origin.addingReportingOverflow(Int(offset))
        guard !overflow, target >= 0, target <= end else { return -1 }
        position = target
        return sf_count_t(target)
    }

    /// Writes at the current position. In a stream, corrections to what was written before are
    /// dropped, whether or not it has left already: seeks must not fail, because the FLAC writer
    /// does not notice and would add the corrected header at the end.
    func write(_ source: UnsafeRawPointer?, count: sf_count_t) -> sf_count_t {
        guard let source, count > 0 else { return 0 }
        let incoming = UnsafeRawBufferPointer(start: source, count: Int(count))
        let replaced = min(incoming.count, end - position)
        if isSeekable {
            bytes.replaceSubrange(position..<position + replaced, with: incoming)
        } else {
            bytes.append(contentsOf: incoming.dropFirst(replaced))
        }
        position += incoming.count
        return count
    }

    func take() -> [UInt8] {
        taken += bytes.count
        defer { bytes = [] }
        return bytes
    }
}
