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

    @Test func playOutCountsGaps() {
        var playOut = PlayOut()
        playOut.give(2, at: 10)
        playOut.give(1, at: 11)
        #expect(playOut.underruns == 0 && playOut.heardUntil == 13)
        playOut.give(1, at: 15)
        #expect(playOut.underruns == 1 && playOut.silentSeconds == 2 && playOut.heardUntil == 16)
    }

    @Test func speedIsThatOfTheLastSteps() throws {
        var speed = ComputingSpeed()
        #expect(speed.secondsPerOperation == nil)
        for _ in 0..<50 { speed.learn(100, in: 1) }
        speed.learn(0, in: 1)
        let slow = try #require(speed.secondsPerOperation)
        #expect(slow > 0.01 && slow < 0.011)
        for _ in 0..<1000 { speed.learn(100, in: 0.1) }
        #expect(abs(try #require(speed.secondsPerOperation) - 0.001) < 1e-5)
    }
}
