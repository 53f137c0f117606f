import F5TTS

/// The schedule run ahead, chunk by chunk, as if nobody came or went, and nobody who has enough read on.
///
/// Every turn is one of `SpeechSchedule`'s. Turns that do not change with the time are sorted once, so that
/// of a long queue only those who are heard are looked through for each chunk.
struct SpeechForecast {
    /// Somebody who hears an utterance.
    private struct Listener {
        let index: Int
        let deadline: Double
        /// Seconds that the next chunk takes.
        let chunk: Double
    }

    private(set) var entries: [SpeechSchedule.Entry]
    /// Seconds on the engine's clock.
    private(set) var time: Double
    private let speed: ComputingSpeed
    /// The turns that do not change, the next one last.
    private var waiting: [SpeechSchedule.Turn] = []
    /// Whose turns do.
    private var listeners: [Listener] = []
    /// How many there are that hear something, those among `waiting` too.
    private var heard: Int
    /// Chunks in memory.
    private var begun: Int
    /// How much is still looked at: the engine waits for whoever forecasts.
    private var patience = 1 << 20

    init(_ entries: [SpeechSchedule.Entry], now: Double, speed: ComputingSpeed) {
        self.entries = entries
        self.speed = speed
        time = now
        heard = entries.count { $0.isHeard }
        begun = entries.count { $0.isInChunk }
        for index in entries.indices where !entries[index].isHeld {
            if let turn = SpeechSchedule.fixedTurn(index, entries[index]) {
                waiting.append(turn)
            } else {
                listen(to: index)
            }
        }
        waiting.sort(by: >)
    }

    /// Makes the next chunk.
    ///
    /// Returns the index of its entry; nil when all is made, or more than is looked at.
    mutating func advance() -> Int? {
        patience -= listeners.count + 16
        guard patience > 0, let index = next() else { return nil }
        let chunk = entries[index].outlook.removeFirst()
        time += [chunk].seconds(speed)
        let wasHeard = entries[index].isHeard
        if entries[index].isInChunk { begun -= 1 }
        entries[index].isInChunk = false
        entries[index].playOut.give(chunk.audioSeconds, at: time)
        let isOver = entries[index].outlook.isEmpty || entries[index].isHeld
        let isHeard = entries[index].isHeard && !isOver
        heard += (isHeard ? 1 : 0) - (wasHeard ? 1 : 0)
        guard !isOver else { return index }
        if let turn = SpeechSchedule.fixedTurn(index, entries[index]) {
            let place = waiting.lastIndex { turn < $0 }.map { $0 + 1 } ?? 0
            waiting.insert(turn, at: place)
        } else {
            listen(to: index)
        }
        return index
    }

    /// Takes out the entry whose turn it is.
    private mutating func next() -> Int? {
        let isFull = begun >= SpeechSchedule.mostInChunk
        var first: SpeechSchedule.Turn?
        var place: Int?
        for position in listeners.indices {
            let listener = listeners[position]
            guard !isFull || entries[listener.index].isInChunk else { continue }
            let turn = SpeechSchedule.turn(
                listener.index, deadline: listener.deadline, chunk: listener.chunk, heard: heard,
                now: time)
            if let first, first < turn { continue }
            (first, place) = (turn, position)
        }
        let fixed = waiting.lastIndex { !isFull || entries[$0.index].isInChunk }
        if let fixed, first.map({ waiting[fixed] < $0 }) ?? true {
            return waiting.remove(at: fixed).index
        }
        guard let place else { return nil }
        listeners.swapAt(place, listeners.count - 1)
        return listeners.removeLast().index
    }

    private mutating func listen(to index: Int) {
        guard let deadline = entries[index].deadline else { return }
        listeners.append(
            Listener(
                index: index, deadline: deadline,
                chunk: entries[index].outlook.prefix(1).seconds(speed)))
    }
}
