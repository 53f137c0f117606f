import F5TTS

/// Which of several utterances takes the next step. Values only: what it decides can be tried out.
///
/// What has taken all of its steps becomes sound at once. Then come those whose listeners would hear a gap
/// if they waited any longer. Then those that nobody has heard yet, in the order in which they would be
/// heard if each were alone, so that a short one does not wait for a long one, nor a long one for ever;
/// those whose gap cannot be helped any more are among them, by when it comes, so that one that the machine
/// cannot keep up with does not take it from all others. Then the rest, which work ahead, the earliest
/// play-out deadline first. Whoever has enough to hear begins nothing further, and is not reckoned with.
struct SpeechSchedule: Sendable {
    /// An utterance as the schedule sees it.
    struct Entry: Sendable {
        var playOut = PlayOut()
        /// What is left; never empty.
        var outlook: [ChunkCost]
        /// Whether a chunk is begun, and so holds memory.
        var isInChunk = false
        /// Whether its listener has so much to hear that the next chunk can wait.
        var hasEnough = false
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

        /// Whether it takes no steps: what is begun is finished, for its memory is held.
        var isHeld: Bool { hasEnough && !isInChunk }

        /// Whether there is somebody who would hear a gap if it took no steps.
        var isHeard: Bool { deadline != nil && !isHeld }
    }

    /// Utterances in the middle of a chunk, whose states are in memory.
    static let mostInChunk = 8
    /// Of the time that there is for a chunk, the share that is counted upon: machines are not even.
    private static let usableShare = 0.7
    /// Of the time that a chunk takes, the share that must be left for it to count as in time: a little too
    /// late is worth the hurry, and what a chunk takes is not known that well.
    private static let necessaryShare = 0.9

    /// When it is an entry's turn: the smallest comes first.
    struct Turn: Comparable {
        let rank: Int
        let time: Double
        let index: Int

        static func < (a: Turn, b: Turn) -> Bool {
            (a.rank, a.time, a.index) < (b.rank, b.time, b.index)
        }
    }

    /// The index of the entry that takes the next step; nil when there is none, or all are held.
    static func next(_ entries: [Entry], now: Double, speed: ComputingSpeed) -> Int? {
        let isFull = entries.count { $0.isInChunk } >= mostInChunk
        let heard = entries.count { $0.isHeard }
        var first: Turn?
        for (index, entry) in entries.enumerated()
        where !entry.isHeld && (!isFull || entry.isInChunk) {
            let candidate =
                fixedTurn(index, entry)
                ?? turn(
                    index, deadline: entry.deadline ?? entry.due,
                    chunk: entry.outlook.prefix(1).seconds(speed), heard: heard, now: now)
            first = min(first ?? candidate, candidate)
        }
        return first?.index
    }

    /// The turn of an entry that is not heard, or has taken all steps of its chunk: it does not change with
    /// the time. Nil for others.
    static func fixedTurn(_ index: Int, _ entry: Entry) -> Turn? {
        // One more step frees its memory, and somebody may be waiting for just that.
        if entry.isInChunk, entry.outlook.first?.steps == 0 {
            return Turn(rank: 0, time: 0, index: index)
        }
        return entry.deadline == nil ? Turn(rank: 2, time: entry.due, index: index) : nil
    }

    /// The turn of an entry that is heard.
    ///
    /// - Parameters:
    ///   - index: of the entry.
    ///   - deadline: when its listener hears a gap.
    ///   - chunk: seconds that the rest of the chunk at hand takes.
    ///   - heard: how many are, this one included.
    ///   - now: the time.
    /// - Returns: the turn.
    static func turn(
        _ index: Int, deadline: Double, chunk: Double, heard: Int, now: Double
    ) -> Turn {
        // A gap that cannot be helped waits its turn among those that are not heard yet.
        if deadline - now < necessaryShare * chunk {
            return Turn(rank: 2, time: deadline, index: index)
        }
        // Each of the others may take as long before it comes to this one.
        let isUrgent = deadline - chunk * Double(heard) <= now
        return Turn(rank: isUrgent ? 1 : 3, time: deadline, index: index)
    }

    /// Operations that may be spent on the next chunk of `entries[index]` for it to be ready in time,
    /// beside the others that somebody waits for.
    static func affordable(
        _ entries: [Entry], _ index: Int, now: Double, speed: ComputingSpeed
    ) -> Double {
        guard let secondsPerOperation = speed.secondsPerOperation,
            let deadline = entries[index].deadline
        else { return .infinity }
        let sharers = entries.count { $0.isStreamed && !$0.isHeld }
        return max(0, deadline - now) * usableShare / Double(max(1, sharers)) / secondsPerOperation
    }

    /// What happens if nobody comes or goes, and who has enough reads nothing: chunk by chunk, until
    /// `reached` says of an entry that has just been given audio that this was it.
    ///
    /// - Returns: the seconds from now until then; nil when it does not come to that, or so late that
    ///   nobody looks that far.
    static func forecast(
        _ entries: [Entry], now: Double, speed: ComputingSpeed,
        until reached: (_ index: Int, _ entry: Entry) -> Bool
    ) -> Double? {
        var forecast = SpeechForecast(entries, now: now, speed: speed)
        while let index = forecast.advance() {
            if reached(index, forecast.entries[index]) { return forecast.time - now }
        }
        return nil
    }
}

extension Collection<ChunkCost> {
    /// How long these take; 0 while the speed is unknown.
    func seconds(_ speed: ComputingSpeed) -> Double {
        reduce(0) { $0 + $1.operations } * (speed.secondsPerOperation ?? 0)
    }
}
