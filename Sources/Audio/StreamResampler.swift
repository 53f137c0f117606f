import CSampleRate

/// Band-limited resampling of one continuous stream, piece by piece, by libsamplerate's best sinc.
///
/// All calls to libsamplerate are here. The output does not depend on how the input was cut, and N
/// samples give exactly `ceil(N · to / from)`. One state, so one thread at a time.
final class StreamResampler {
    private let state: OpaquePointer
    private let from: Int
    private let to: Int
    private var consumed = 0
    private var produced = 0
    private var block = [Float](repeating: 0, count: 4_096)

    /// A resampler from one rate in Hz to another, between 1/256 and 256 times the first.
    init(from: Int, to: Int) throws(AudioError) {
        var failure: Int32 = 0
        guard from > 0, to > 0, src_is_valid_ratio(Double(to) / Double(from)) != 0,
            let state = src_new(Int32(SRC_SINC_BEST_QUALITY), 1, &failure)
        else {
            throw AudioError(.sampleRate, "Cannot resample from \(from) Hz to \(to) Hz.")
        }
        self.state = state
        self.from = from
        self.to = to
    }

    deinit { src_delete(state) }

    /// Takes the next samples; gives what can be given already.
    func process(_ samples: [Float]) throws(AudioError) -> [Float] {
        consumed += samples.count
        let output = try run(samples)
        produced += output.count
        return output
    }

    /// Gives what is left. Nothing may follow.
    ///
    /// The filter is run out with zeros and the result cut where it should end: the library's own
    /// end-of-input mode is a sample short at most rates and sometimes does not end at all.
    func finish() throws(AudioError) -> [Float] {
        let expected = (consumed * to + from - 1) / from
        var tail: [Float] = []
        let zeros = [Float](repeating: 0, count: 1_024)
        var patience = 64
        while produced + tail.count < expected {
            tail += try run(zeros)
            patience -= 1
            guard patience > 0 else { throw failure(status: 0) }
        }
        tail.removeLast(max(0, produced + tail.count - expected))
        produced += tail.count
        return tail
    }

    private func failure(status: Int32) -> AudioError {
        AudioError(.encoding, "Resampling to \(to) Hz failed (code \(status)).")
    }

    private func run(_ samples: [Float]) throws(AudioError) -> [Float] {
        var output: [Float] = []
        output.reserveCapacity(samples.count * to / from + 64)
        var used = 0
        var status: Int32 = 0
        samples.withUnsafeBufferPointer { input in
            block.withUnsafeMutableBufferPointer { block in
                guard let base = input.baseAddress else { return }
                var data = SRC_DATA()
                data.src_ratio = Double(to) / Double(from)
                repeat {
                    data.data_in = base + used
                    data.input_frames = input.count - used
                    data.data_out = block.baseAddress
                    data.output_frames = block.count
                    status = src_process(state, &data)
                    used += data.input_frames_used
                    output.append(contentsOf: block.prefix(data.output_frames_gen))
                } while status == 0 && (data.output_frames_gen > 0 || data.input_frames_used > 0)
            }
        }
        guard status == 0, used == samples.count else { throw failure(status: status) }
        return output
    }
}
