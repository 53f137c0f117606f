import F5TTS
import Testing

@testable import SpeechServer

/// The schedule's decisions, without any computing. One operation takes one second here.
struct SpeechScheduleTests {
    private let speed: ComputingSpeed = {
        var speed = ComputingSpeed()
        speed.learn(10, in: 10)
        return speed
    }()

    private func chunk(_ seconds: Int, audio: Double) -> ChunkCost {
        ChunkCost(operationsPerStep: 1, steps: seconds, audioSeconds: audio)
    }

    private func entry(
        _ chunks: [ChunkCost], isStreamed: Bool = true, at now: Double = 0,
        heard: (seconds: Double, at: Double)? = nil
    ) -> SpeechSchedule.Entry {
        var entry = SpeechSchedule.Entry(chunks, isStreamed: isStreamed, now: now, speed: speed)
        if let heard { entry.playOut.give(heard.seconds, at: heard.at) }
        return entry
    }

    private func next(_ entries: [SpeechSchedule.Entry], at now: Double) -> Int? {
        SpeechSchedule.next(entries, now: now, speed: speed)
    }

    @Test func nothingToDo() { #expect(next([], at: 0) == nil) }

    @Test func newOnesComeBeforeThoseThatAreAhead() {
        let ahead = entry([chunk(2, audio: 5)], heard: (10, at: 0))
        let new = entry([chunk(3, audio: 5)], at: 1)
        #expect(next([ahead, new], at: 1) == 1)
        // With two seconds of work and two until the gap, it is time.
        #expect(next([ahead, new], at: 8) == 0)
        #expect(next([ahead, new], at: 7.9) == 1)
    }

    @Test func amongThoseAheadTheEarliestDeadlineIsNext() {
        let one = entry([chunk(1, audio: 5)], heard: (20, at: 0))
        let two = entry([chunk(1, audio: 5)], heard: (15, at: 0))
        #expect(next([one, two], at: 0) == 1)
    }

    /// Two that both take three seconds cannot both begin three seconds before their gap.
    @Test func othersThatAreHeardAreReckonedWith() {
        let one = entry([chunk(3, audio: 5)], heard: (10, at: 0))
        let two = entry([chunk(3, audio: 5)], heard: (10.5, at: 0))
        let new = entry([chunk(1, audio: 1)], at: 0)
        #expect(next([one, two, new], at: 3.9) == 2)
        #expect(next([one, two, new], at: 4) == 0)
    }

    /// What cannot be ready before the gap waits with those that are not heard yet.
    @Test func aGapThatCannotBeHelpedKeepsNobodyFromBeingHeard() {
        let late = entry([chunk(10, audio: 5)], heard: (5, at: 0))
        let new = entry([chunk(2, audio: 3)], at: 1)
        #expect(next([late, new], at: 1) == 1)
        // It is not put off for ever: whoever is due after the gap comes after it.
        let later = entry([chunk(2, audio: 3)], at: 4)
        #expect(next([late, later], at: 4) == 0)
        let inTime = entry([chunk(10, audio: 5)], heard: (10, at: 0))
        #expect(next([inTime, entry([chunk(2, audio: 3)])], at: 0.5) == 0)
    }

    @Test func whatHasTakenItsLastStepBecomesSoundAtOnce() {
        let urgent = entry([chunk(2, audio: 5)], heard: (2, at: 0))
        let new = entry([chunk(1, audio: 5)])
        var sampled = entry([chunk(0, audio: 5), chunk(2, audio: 5)], heard: (100, at: 0))
        #expect(next([urgent, new, sampled], at: 0) == 0)
        sampled.isInChunk = true
        #expect(next([urgent, new, sampled], at: 0) == 2)
    }

    @Test func aShortOneDoesNotWaitForALongOne() {
        let long = entry([chunk(20, audio: 15)])
        let short = entry([chunk(2, audio: 3)], at: 5)
        #expect(next([long, short], at: 5) == 1)
        // Nor a long one for ever.
        let later = entry([chunk(2, audio: 3)], at: 19)
        #expect(next([long, later], at: 19) == 0)
    }

    @Test func onlyTheFirstChunkOfAStreamCounts() {
        let stream = entry([chunk(2, audio: 3), chunk(20, audio: 15)])
        let whole = entry([chunk(2, audio: 3), chunk(20, audio: 15)], isStreamed: false)
        #expect(next([whole, stream], at: 0) == 1)
        #expect(stream.due == 2 && whole.due == 22)
    }

    /// Nobody hears what is sent as a whole, so that it never has a gap to fear.
    @Test func wholeOnesHaveNoListener() {
        let whole = entry([chunk(5, audio: 5)], isStreamed: false, heard: (1, at: 0))
        #expect(whole.deadline == nil)
    }

    @Test func chunksInMemoryAreLimited() {
        var begun = (0..<SpeechSchedule.mostInChunk).map { _ in
            entry([chunk(5, audio: 5)], heard: (100, at: 0))
        }
        for index in begun.indices { begun[index].isInChunk = true }
        let new = entry([chunk(1, audio: 1)], at: 1)
        #expect(next(begun + [new], at: 1).map { $0 < begun.count } == true)
        begun[3].isInChunk = false
        #expect(next(begun + [new], at: 1) == begun.count)
    }

    @Test func whoHasEnoughBeginsNothing() {
        var held = entry([chunk(1, audio: 5)], heard: (1, at: 0))
        let ahead = entry([chunk(1, audio: 5)], heard: (100, at: 0))
        #expect(next([ahead, held], at: 0) == 1)
        held.hasEnough = true
        #expect(next([ahead, held], at: 0) == 0)
        #expect(next([held, held], at: 0) == nil)
        // What is begun is finished.
        held.isInChunk = true
        #expect(next([ahead, held], at: 0) == 1)
    }

    /// It takes no time from the others before it reads on.
    @Test func whoHasEnoughIsNotReckonedWith() {
        let one = entry([chunk(3, audio: 5)], heard: (10, at: 0))
        var held = entry([chunk(3, audio: 5)], heard: (10.5, at: 0))
        held.hasEnough = true
        let new = entry([chunk(1, audio: 1)], at: 0)
        #expect(next([one, held, new], at: 6.9) == 2)
        #expect(next([one, held, new], at: 7) == 0)
        #expect(SpeechSchedule.affordable([one, held], 0, now: 0, speed: speed) == 7)
        held.isInChunk = true
        #expect(next([one, held, new], at: 4) == 0)
        #expect(SpeechSchedule.affordable([one, held], 0, now: 0, speed: speed) == 3.5)
    }

    @Test func forecastTellsWhenAPlaceIsFree() {
        let entries = [
            entry([chunk(4, audio: 3), chunk(5, audio: 3)]), entry([chunk(2, audio: 3)]),
        ]
        let free = SpeechSchedule.forecast(entries, now: 0, speed: speed) { _, entry in
            entry.outlook.isEmpty
        }
        #expect(free == 2)
        let all = SpeechSchedule.forecast(entries, now: 0, speed: speed) { index, entry in
            index == 0 && entry.outlook.isEmpty
        }
        #expect(all == 11)
        #expect(SpeechSchedule.forecast(entries, now: 0, speed: speed) { _, _ in false } == nil)
    }

    /// SplitMix64, so that a failure comes again.
    private struct Dice: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var z = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
            z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
            return z ^ (z >> 31)
        }
    }

    /// When each of these is whole if every chunk is that of `next`.
    private func ends(_ entries: [SpeechSchedule.Entry]) -> [Int: Double] {
        var entries = entries
        var left = Array(entries.indices)
        var time = 0.0
        var ends: [Int: Double] = [:]
        while let position = next(left.map { entries[$0] }, at: time) {
            let index = left[position]
            let chunk = entries[index].outlook.removeFirst()
            time += chunk.operations
            entries[index].isInChunk = false
            entries[index].playOut.give(chunk.audioSeconds, at: time)
            guard entries[index].outlook.isEmpty else { continue }
            ends[index] = time
            left.remove(at: position)
        }
        return ends
    }

    @Test func aForecastIsTheScheduleRunAhead() {
        var dice = Dice(state: 1)
        for _ in 0..<40 {
            var entries: [SpeechSchedule.Entry] = []
            for _ in 0..<Int.random(in: 1...25, using: &dice) {
                var chunks: [ChunkCost] = []
                for _ in 0..<Int.random(in: 1...6, using: &dice) {
                    chunks.append(
                        chunk(
                            Int.random(in: 1...12, using: &dice),
                            audio: Double(Int.random(in: 1...15, using: &dice))))
                }
                let isInChunk = Bool.random(using: &dice)
                if isInChunk, Bool.random(using: &dice) { chunks[0].steps = 0 }
                var new = entry(
                    chunks, isStreamed: Bool.random(using: &dice),
                    at: Double(Int.random(in: -5...0, using: &dice)))
                if Bool.random(using: &dice) {
                    new.playOut.give(Double(Int.random(in: 1...30, using: &dice)), at: -1)
                }
                new.isInChunk = isInChunk
                new.hasEnough = Int.random(in: 0..<4, using: &dice) == 0
                entries.append(new)
            }
            let expected = ends(entries)
            for index in entries.indices {
                let end = SpeechSchedule.forecast(entries, now: 0, speed: speed) {
                    $0 == index && $1.outlook.isEmpty
                }
                #expect(end == expected[index])
            }
        }
    }

    @Test func longQueuesAreLookedThrough() {
        let entries = (0..<5000).map { _ in entry([chunk(1, audio: 1)], isStreamed: false) }
        let last = SpeechSchedule.forecast(entries, now: 0, speed: speed) { index, _ in
            index == entries.count - 1
        }
        #expect(last == 5000)
    }

    @Test func whatCanBeAffordedShrinksWithTheTimeAndTheOthers() {
        let heard = entry([chunk(4, audio: 3)], heard: (10, at: 0))
        let alone = SpeechSchedule.affordable([heard], 0, now: 0, speed: speed)
        let shared = SpeechSchedule.affordable([heard, heard], 0, now: 0, speed: speed)
        #expect(alone == 7 && shared == 3.5)
        #expect(SpeechSchedule.affordable([heard], 0, now: 11, speed: speed) == 0)
        let new = entry([chunk(4, audio: 3)])
        #expect(SpeechSchedule.affordable([new], 0, now: 0, speed: speed) == .infinity)
    }

    /// Whatever comes, everything is spoken: no listener hears a gap while the machine keeps up, and
    /// those that come last are heard.
    @Test func everybodyIsServed() {
        var entries: [SpeechSchedule.Entry] = []
        var time = 0.0
        var worstWait = 0.0
        var spoken = 0
        for arrival in 0..<200 {
            // Half of what the machine can do: three seconds of work every six.
            let arrives = Double(arrival) * 6
            entries.append(entry([chunk(1, audio: 4), chunk(2, audio: 4)], at: arrives))
            while time < arrives + 6, let index = next(entries, at: time) {
                let chunk = entries[index].outlook.removeFirst()
                time += chunk.operations
                if entries[index].playOut.heardUntil == nil {
                    worstWait = max(worstWait, time - entries[index].due)
                }
                entries[index].playOut.give(chunk.audioSeconds, at: time)
                #expect(entries[index].playOut.underruns == 0)
                guard entries[index].outlook.isEmpty else { continue }
                entries.remove(at: index)
                spoken += 1
            }
            time = max(time, arrives + 6)
        }
        #expect(spoken == 200 && worstWait < 4)
    }

    /// A machine that cannot keep up with one speaks the others meanwhile, and that one to its end.
    @Test func nobodyWaitsForTheEndOfWhatCannotBeKeptUpWith() {
        var entries = [entry(Array(repeating: chunk(15, audio: 5), count: 40))]
        var arrivals = ArraySlice((0..<15).map { 20 + 40 * Double($0) })
        var time = 0.0
        var worstWait = 0.0
        var spoken = 0
        while let index = next(entries, at: time) {
            if entries[index].isInChunk, entries[index].outlook[0].steps == 0 {
                let chunk = entries[index].outlook.removeFirst()
                entries[index].isInChunk = false
                if entries[index].playOut.heardUntil == nil {
                    worstWait = max(worstWait, time - entries[index].due)
                }
                entries[index].playOut.give(chunk.audioSeconds, at: time)
                if entries[index].outlook.isEmpty {
                    entries.remove(at: index)
                    spoken += 1
                }
            } else {
                entries[index].isInChunk = true
                entries[index].outlook[0].steps -= 1
                time += 1
            }
            while let arrival = arrivals.first, arrival <= time {
                entries.append(entry([chunk(6, audio: 3)], at: arrival))
                arrivals.removeFirst()
            }
        }
        #expect(spoken == 16 && time == 690)
        // Hardly more than the chunk that was being made when they came.
        #expect(worstWait <= 20, "\(worstWait) s")
    }

    @Test func playOutCountsGaps() {
        var playOut = PlayOut()
        playOut.give(2, at: 10)
        playOut.give(1, at: 11)
        #expect(playOut.underruns == 0 && playOut.heardUntil == 13)
        playOut.give(1, at: 15)
        #expect(playOut.underruns == 1 && playOut.silentSeconds == 2 && playOut.heardUntil == 16)
    }

    @Test func whatWasNotTakenWasNotHeard() {
        var playOut = PlayOut()
        playOut.leave(1, at: 5)
        #expect(playOut.heardUntil == nil)
        playOut.give(4, at: 10)
        playOut.leave(0.5, at: 11)
        #expect(playOut.heardUntil == 14)
        playOut.leave(0.5, at: 13)
        #expect(playOut.heardUntil == 15)
        // Of nothing unread it does not follow that it is heard, nor that it is not.
        playOut.leave(0, at: 20)
        #expect(playOut.heardUntil == 15)
        playOut.leave(0.25, at: 20)
        playOut.give(4, at: 20.5)
        #expect(playOut.underruns == 0 && playOut.heardUntil == 25)
        playOut.leave(0.5, at: 23)
        #expect(playOut.heardUntil == 27)
    }

    @Test func speedIsThatOfTheLastSteps() throws {
        var speed = ComputingSpeed()
        #expect(speed.secondsPerOperation == nil)
        #expect(speed.orAssumed.secondsPerOperation == 1e-11)
        for _ in 0..<50 { speed.learn(100, in: 1) }
        speed.learn(0, in: 1)
        let slow = try #require(speed.secondsPerOperation)
        #expect(slow > 0.01 && slow < 0.011)
        #expect(speed.orAssumed.secondsPerOperation == slow)
        for _ in 0..<1000 { speed.learn(100, in: 0.1) }
        #expect(abs(try #require(speed.secondsPerOperation) - 0.001) < 1e-5)
    }
}
