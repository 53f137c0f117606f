import F5TTS

/// Which of several utterances takes the next step. Values only: what it decides can be tried out.
///
/// First come those whose listeners would hear a gap if they waited any longer. Then those that nobody
/// has heard yet, in the order in which they would be heard if each were alone, so that a short one
/// does not wait for a long one, nor a long one for ever. Then the rest, which work ahead, the earliest
/// play-out deadline first.
struct SpeechSchedule: Sendable {
    /// An utterance as the schedule sees it.
    struct Entry: Sendable {
        var playOut = PlayOut()
        /// What is left; never empty.
        var outlook: [ChunkCost]
        /// Whether a chunk is begun, and so holds memory.
        var isInChunk = false
        /// Whether somebody may be listening while it is made.
        let isStreamed: Bool
        /// When it could have been heard if it had been alone.
        let due: Double

        /// - Parameters:
        ///   - outlook: what it takes.
        ///   - isStreamed: see there.
        ///   - now: when it is accepted.
        ///   - speed: to tell from how long it takes.
        init(_ outlook: [ChunkCost], isStreamed: Bool, now: Double, speed: ComputingSpeed) {
            self.outlook = outlook
            self.isStreamed = isStreamed
            let first = isStreamed ? Array(outlook.prefix(1)) : outlook
            due = now + first.seconds(speed)
        }

        /// When its listener hears a gap; nil while there is none to hear it.
        var deadline: Double? { isStreamed ? playOut.heardUntil : nil }
    }

    /// Utterances in the middle of a chunk, whose states are in memory.
    static let mostInChunk = 8
    /// Of the time that there is for a chunk, the share that is counted upon: machines are not even.
    private static let usableShare = 0.7

    /// The index of the entry that takes the next step; nil when there is none.
    static func next(_ entries: [Entry], now: Double, speed: ComputingSpeed) -> Int? {
        let isFull = entries.count { $0.isInChunk } >= mostInChunk
        let candidates = entries.indices.filter { !isFull || entries[$0].isInChunk }
        let listeners = entries.count { $0.deadline != nil }
        func urgency(_ entry: Entry) -> (rank: Int, time: Double) {
            guard let deadline = entry.deadline else { return (1, entry.due) }
            // Each of the others may take as long before it comes to this one.
            let needed = entry.outlook.prefix(1).seconds(speed) * Double(listeners)
            return (deadline - needed <= now ? 0 : 2, deadline)
        }
        return candidates.min { urgency(entries[$0]) < urgency(entries[$1]) }
    }

    /// Operations that may be spent on the next chunk of `entries[index]` for it to be ready in time,
    /// beside the others that somebody waits for.
    static func affordable(
        _ entries: [Entry], _ index: Int, now: Double, speed: ComputingSpeed
    ) -> Double {
        guard let secondsPerOperation = speed.secondsPerOperation,
            let deadline = entries[index].deadline
        else { return .infinity }
        let sharers = entries.count { $0.isStreamed }
        return max(0, deadline - now) * usableShare / Double(max(1, sharers)) / secondsPerOperation
    }

    /// What happens if nobody comes or goes: chunk by chunk, until `reached` says of an entry that has
    /// just been given audio that this was it.
    ///
    /// - Returns: the seconds from now until then; nil when it does not come to that.
    static func forecast(
        _ entries: [Entry], now: Double, speed: ComputingSpeed,
        until reached: (_ index: Int, _ entry: Entry) -> Bool
    ) -> Double? {
        var entries = entries
        var left = Array(entries.indices)
        var time = now
        // Longer queues than this are not looked through to their end.
        for _ in 0..<2000 {
            guard let position = next(left.map { entries[$0] }, now: time, speed: speed) else {
                return nil
            }
            let index = left[position]
            let chunk = entries[index].outlook.removeFirst()
            time += [chunk].seconds(speed)
            entries[index].isInChunk = false
            entries[index].playOut.give(chunk.audioSeconds, at: time)
            if reached(index, entries[index]) { return time - now }
            if entries[index].outlook.isEmpty { left.remove(at: position) }
        }
        return nil
    }
}

extension Collection<ChunkCost> {
    /// How long these take; 0 while the speed is unknown.
    fileprivate func seconds(_ speed: ComputingSpeed) -> Double {
        reduce(0) { $0 + $1.operations } * (speed.secondsPerOperation ?? 0)
    }
}
