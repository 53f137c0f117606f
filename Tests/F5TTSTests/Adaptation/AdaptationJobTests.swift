import Audio
import Checkpoints
import Foundation
import Synchronization
import Tensors
import TestSupport
import Testing

@testable import F5TTS

@Suite(.serialized) struct AdaptationJobTests {
    private let scene: AdaptationScene

    init() throws { scene = try AdaptationScene() }

    @Test func recordingsBecomeAVersion() throws {
        let log = EventLog()
        let outcome = try scene.job(AdaptationScene.options()).run(
            control: { .go }, report: log.add)
        guard case .finished(let result) = outcome else {
            Issue.record("stopped")
            return
        }
        #expect(
            log.phases == [.examining, .preparing, .training, .comparing, .listening, .finished])
        #expect(log.updates == 4)
        let record = result.record
        #expect(record.base.name == "tiny")
        #expect(record.sets == [.raw, .ema])
        #expect(record.sets.contains(record.better))
        #expect(record.average?.newShare == 1)
        #expect(record.average?.start == 1)
        let figures = record.figures
        #expect(figures.trainingClips == 4)
        #expect(figures.heldOutClips == 1)
        let before = try #require(figures.before)
        let raw = try #require(figures.raw)
        #expect(raw.loss < before.loss)
        #expect(before.distance != nil && raw.distance != nil && figures.average != nil)
        // The reference is one of the clips that were trained on.
        let set = try #require(
            try? JSONDecoder().decode(
                PreparedSet.self, from: scene.bytes("job/prepared.json")))
        #expect(set.clips.contains { $0.name == record.reference.clip && !$0.isHeldOut })
        #expect(
            Set(result.files.map(\.name)) == [
                "listen-before.wav", "listen-raw.wav", "listen-ema.wav", "report.html",
                "doctor.json", "curves.jsonl",
            ])
        #expect(try scene.bytes("job/listen-before.wav") != scene.bytes("job/listen-raw.wav"))
        let page = String(decoding: try scene.bytes("job/report.html"), as: UTF8.self)
        #expect(page.contains("<svg") && page.contains("data:audio/wav;base64,"))
        #expect(page.contains("data:image/png;base64,") && !page.contains("http://"))
        // Asked again, it has nothing left to do.
        let again = EventLog()
        _ = try scene.job(AdaptationScene.options()).run(control: { .go }, report: again.add)
        #expect(again.phases == [.finished])
    }

    /// Stopped anywhere and started again it ends with the same bytes.
    @Test func aStoppedJobGoesOnToTheSameBytes() throws {
        _ = try scene.finished(in: "whole")
        // Each time a little later: while examining, in a check, after updates, while listening.
        for limit in [0, 8, 24, 40, 60] {
            let asked = Mutex(0)
            let log = EventLog()
            let outcome = try scene.job(AdaptationScene.options(), in: "parts").run(
                control: {
                    asked.withLock {
                        $0 += 1
                        return $0 > limit ? .stop : .go
                    }
                }, report: log.add)
            if case .finished = outcome { break }
        }
        let log = EventLog()
        _ = try scene.job(AdaptationScene.options(), in: "parts").run(
            control: { .go }, report: log.add)
        for file in [
            "result/raw.safetensors", "result/ema.safetensors", "result/reference.wav",
            "run/curves.jsonl", "listen-raw.wav", "listen-ema.wav",
        ] {
            #expect(try scene.bytes("parts/" + file) == scene.bytes("whole/" + file), "\(file)")
        }
    }

    /// Once recordings are prepared, a job goes on to the same bytes without them.
    @Test func aPreparedJobNeedsNoRecordings() throws {
        _ = try scene.finished(in: "whole")
        let folder = scene.folder.path("job")
        #expect(!AdaptationJob.isPrepared(in: folder))
        let log = EventLog()
        _ = try scene.job(AdaptationScene.options()).run(
            control: { log.updates == 2 ? .stop : .go }, report: log.add)
        #expect(AdaptationJob.isPrepared(in: folder))
        try FileManager.default.removeItem(atPath: scene.folder.path("wavs"))
        func goOn() throws -> AdaptationJob.Outcome {
            try AdaptationJob(
                folder: folder, recordings: nil, model: scene.model, weights: .ema,
                options: AdaptationScene.options()
            ).run(control: { .go }, report: { _ in })
        }
        guard case .finished = try goOn() else {
            Issue.record("stopped")
            return
        }
        for file in ["result/raw.safetensors", "run/curves.jsonl", "listen-raw.wav"] {
            #expect(try scene.bytes("job/" + file) == scene.bytes("whole/" + file), "\(file)")
        }
        for name in ["prepared.json", "report.html"] {
            try FileManager.default.removeItem(atPath: folder + "/" + name)
        }
        let error = #expect(throws: SpeechError.self) { try goOn() }
        #expect(error?.message.contains("begin anew") == true)
    }

    /// Training goes on with the dropout that the model was trained with, unless another is asked for.
    @Test func dropoutIsTheModelsOwn() throws {
        let other = try scene.model("dropped", arch: "dropout: 0.5")
        func weights(_ name: String, of model: ModelDescription, dropout: Float?) throws -> [UInt8]
        {
            let options = AdaptationScene.options { $0.dropout = dropout }
            _ = try scene.job(options, in: name, model: model).run(
                control: { .go }, report: EventLog().add)
            return try Array(scene.bytes("\(name)/result/raw.safetensors"))
        }
        let own = try weights("own", of: other, dropout: nil)
        #expect(own == (try weights("asked", of: scene.model, dropout: 0.5)))
        #expect(own != (try weights("standard", of: scene.model, dropout: nil)))
    }

    /// Weights that were to be kept are, also when a crash came between checkpoint and copy.
    @Test func keepsWhatACrashPrevented() throws {
        let options = AdaptationScene.options { $0.keepAt = [2] }
        let kept = scene.folder.path("job/kept/update-2.pt")
        let (stopped, resumed) = (EventLog(), EventLog())
        _ = try scene.job(options).run(
            control: { FileManager.default.fileExists(atPath: kept) ? .stop : .go },
            report: stopped.add)
        let first = try scene.bytes("job/kept/update-2.pt")
        try FileManager.default.removeItem(atPath: kept)
        _ = try scene.job(options).run(control: { .go }, report: resumed.add)
        #expect(try scene.bytes("job/kept/update-2.pt") == first)
        // Both told of it, with the figures of that update.
        for log in [stopped, resumed] {
            let told = log.events.compactMap { if case .kept(let kept) = $0 { kept } else { nil } }
            #expect(told.map(\.update) == [2])
            #expect(told.first?.trainLoss != nil && told.first?.raw != nil)
        }
    }

    /// A large model's checkpoints are gigabytes: only those are written that were asked for.
    @Test func keepingWeightsWritesNoOthers() throws {
        let options = AdaptationScene.options {
            $0.method = .full
            $0.learningRate = 1e-3
            $0.heldOut = 0
            $0.keepAt = [2, 3]
        }
        let log = EventLog()
        _ = try scene.job(options).run(control: { .go }, report: log.add)
        let saved = log.events.compactMap {
            if case .training(.checkpoint(let update, _)) = $0 { update } else { nil }
        }
        #expect(saved == [2, 3, 4])
    }

    /// A disk that would be full before the end is told of before the first update.
    @Test func trainingThatDoesNotFitTheDiskIsRefused() throws {
        let log = EventLog()
        let options = AdaptationScene.options {
            $0.method = .full
            $0.updates = 1_000_000
            // Of four megabytes each, and as much for the average.
            $0.keepAt = Array(1...1_000_000)
        }
        let error = #expect(throws: SpeechError.self) {
            try scene.job(options).run(
                control: { log.updates > 0 ? .stop : .go }, report: log.add)
        }
        #expect(error?.code == .unavailable)
        #expect(error?.message.contains("keep_at") == true)
        #expect(log.phases.last == .training && log.updates == 0)
    }

    /// Whoever waits is told why it is over before its last update.
    @Test func anEarlyEndIsSaid() throws {
        let options = AdaptationScene.options {
            $0.method = .full
            $0.averaging = .off
            $0.updates = 12
            $0.checkEvery = 1
            $0.patience = 1
            $0.learningRate = 0.3
        }
        let log = EventLog()
        _ = try scene.job(options).run(control: { .go }, report: log.add)
        #expect(log.updates < 12)
        let notes = log.events.compactMap { if case .note(let text) = $0 { text } else { nil } }
        #expect(
            notes == [
                "Training ended at update \(log.updates): held-out clips did not get better in the "
                    + "last check."
            ])
        #expect(log.phases.last == .finished)
    }

    /// A description that cannot be read is not written anew, for what is in the folder may be of another
    /// adaptation.
    @Test func aDamagedDescriptionIsRefused() throws {
        try scene.folder.write("{", to: "job/adaptation.json")
        let error = #expect(throws: SpeechError.self) {
            try scene.job(AdaptationScene.options()).run(control: { .go }, report: { _ in })
        }
        #expect(error?.code == .invalidRequest)
        #expect(error?.message.contains("--restart") == true)
        #expect(try scene.bytes("job/adaptation.json") == Data("{".utf8))
    }

    /// The reference is chosen by the network as it was trained: in its number format, and with an adapter
    /// beside the base's own matrices.
    @Test(arguments: AdaptationOptions.Method.allCases, [Precision.f32, .bf16])
    func theReferenceIsChosenByWhatWasTrained(
        method: AdaptationOptions.Method, precision: Precision
    ) throws {
        let options = AdaptationScene.options { $0.method = method }
        let base = try AdaptationBase(scene.model, weights: .ema, precision)
        let trainer = try base.trainer(options)
        _ = TrainerTests.run(trainer, updates: 2)
        let path = scene.folder.path("trained.pt")
        try trainer.weights.write(to: path, layout: .torchZip)
        let trained = try EMAResolution.resolve(.open(path), source: .raw)
        let batch = TrainerTests.Clips(count: 3).batch([0, 1, 2], seed: 5)
        func loss(_ model: any Backbone) -> Float {
            FlowMatchingLoss.evaluate(model, batch).loss.array[0]
        }
        let found = loss(try base.backbone(trained, options))
        let wanted = loss(trainer.model)
        // Weights that are trained are packed otherwise than those that are only used.
        #expect(abs(found / wanted - 1) <= (method == .lora ? 0 : 5e-3))
    }

    /// A model that spreads text over the frames is offered the clips whose letters stand where training
    /// had them, any other the doctor's best.
    @Test(arguments: [false, true]) func candidatesStandWhereTrainingHadThem(isSpread: Bool) throws
    {
        let model = try scene.model(
            "spread", arch: "text_embedding_average_upsampling: \(isSpread)")
        _ = try scene.job(AdaptationScene.options(), model: model).run(
            control: { .go }, report: EventLog().add)
        let set = try JSONDecoder().decode(PreparedSet.self, from: scene.bytes("job/prepared.json"))
        let displacement = TextDisplacement(vocabulary: try model.loadVocabulary())
        let found = try set.candidates.map { candidate in
            let audio = try AudioFile.read(path: scene.folder.path("job/" + candidate.file))
            return try displacement(ReferenceAudio.prepare(audio), text: candidate.text)
        }
        #expect(Set(found).count > 1, "\(found)")
        #expect((found == found.sorted()) == isSpread, "\(found)")
    }

    /// Each pass of a large network takes seconds: the choice of the reference can be stopped before each.
    @Test func theChoiceOfTheReferenceCanBeStopped() throws {
        let log = EventLog()
        let asked = Atomic<Int>(0)
        _ = try scene.job(AdaptationScene.options()).run(
            control: {
                if log.phases.last == .comparing { asked.add(1, ordering: .relaxed) }
                return .go
            }, report: log.add)
        let set = try JSONDecoder().decode(
            PreparedSet.self, from: scene.bytes("job/prepared.json"))
        // Of each candidate once, and before each of four draws for the clip that is held out.
        #expect(!set.candidates.isEmpty)
        #expect(asked.load(ordering: .relaxed) == 5 * set.candidates.count)
    }

    @Test func aFolderBelongsToOneAdaptation() throws {
        let stop: @Sendable () -> TrainingRun.Control = { .stop }
        _ = try scene.job(AdaptationScene.options()).run(control: stop, report: { _ in })
        func refusal(_ job: AdaptationJob) -> SpeechError? {
            do {
                _ = try job.run(control: stop, report: { _ in })
                return nil
            } catch { return error as? SpeechError }
        }
        let other = AdaptationScene.options { $0.updates = 5 }
        #expect(try refusal(scene.job(other))?.message.contains("other settings") == true)
        try RandomModel.write(
            scene.model.backbone, seed: 3, to: scene.folder.path("random.safetensors"),
            layout: .safetensors)
        try AdaptationScene.addModel(
            "random", weights: scene.folder.path("random.safetensors"), scene.folder)
        let model = try ModelCatalog(root: scene.folder.path("models")).find("random", arch: nil)
        let another = try scene.job(AdaptationScene.options(), model: model)
        #expect(refusal(another)?.message.contains("another model (tiny") == true)
        // A recording that was touched is still the same.
        try FileManager.default.setAttributes(
            [.modificationDate: Date(timeIntervalSince1970: 1)],
            ofItemAtPath: scene.folder.path("wavs/c1.flac"))
        #expect(try refusal(scene.job(AdaptationScene.options())) == nil)
        let words = String(decoding: try scene.bytes("wavs/c1.txt"), as: UTF8.self)
        try scene.folder.write("Other words.", to: "wavs/c1.txt")
        #expect(
            try refusal(scene.job(AdaptationScene.options()))?.message
                .contains("other recordings") == true)
        try scene.folder.write(words, to: "wavs/c1.txt")
        let audio = try scene.bytes("wavs/c1.flac")
        var longer = audio
        longer.append(0)
        try longer.write(to: scene.folder.url.appending(path: "wavs/c1.flac"))
        #expect(
            try refusal(scene.job(AdaptationScene.options()))?.message
                .contains("other recordings") == true)
        try audio.write(to: scene.folder.url.appending(path: "wavs/c1.flac"))
        // What another version meant by the same recordings is not known.
        let description = String(decoding: try scene.bytes("job/adaptation.json"), as: UTF8.self)
        try scene.folder.write(
            description.replacing("skald adaptation 2", with: "skald adaptation 1"),
            to: "job/adaptation.json")
        #expect(
            try refusal(scene.job(AdaptationScene.options()))?.message
                .contains("another version of Skald") == true)
        // One process at a time.
        let lock = try #require(FolderLock(trying: scene.folder.path("job")))
        #expect(try refusal(scene.job(AdaptationScene.options()))?.code == .busy)
        lock.release()
    }

    /// EMA off keeps one set; inherited keeps the model's own average, which hardly moves.
    @Test func averagesAreWhatWasAskedFor() throws {
        let off = try scene.finished(
            AdaptationScene.options { $0.averaging = .off }, in: "off")
        #expect(off.record.sets == [.raw])
        #expect(off.record.better == .raw)
        #expect(off.record.average == nil)
        let inherited = try scene.finished(
            AdaptationScene.options {
                $0.method = .full
                $0.averaging = .inherited
                $0.learningRate = 1e-3
            }, in: "inherited")
        let average = try #require(inherited.record.average)
        #expect(average.mode == .inherited)
        #expect(average.every == 10)
        #expect(average.newShare < 0.5)
        #expect(inherited.record.better == .raw)
        #expect(throws: SpeechError.self) {
            try AdaptationScene.options { $0.averaging = .inherited }.validate()
        }
    }

    /// Gradients pass through base matrices that are packed for speaking.
    @Test func adaptersAreTrainedInBFloat16() throws {
        let options = AdaptationScene.options { $0.updates = 2 }
        guard
            case .finished(let result) = try scene.job(options, precision: .bf16).run(
                control: { .go }, report: { _ in })
        else {
            Issue.record("stopped")
            return
        }
        let figures = result.record.figures
        #expect(try #require(figures.raw).loss < #require(figures.before).loss)
        let again = try scene.job(options, precision: .f32)
        #expect(throws: SpeechError.self) { try again.run(control: { .go }, report: { _ in }) }
        // Whoever wants to go on can ask for what it was begun in.
        #expect(AdaptationJob.precision(begunIn: scene.folder.path("job")) == .bf16)
        #expect(AdaptationJob.precision(begunIn: scene.folder.path("nothing")) == nil)
    }

    /// Not only the training: packing, choosing and listening use the threads that speech needs, too.
    @Test func everyPhaseStandsAsideForSpeech() throws {
        let phases = Mutex<[AdaptationJob.Phase: Bool]>([:])
        _ = try scene.job(AdaptationScene.options()).run(
            control: { .go },
            report: { event in
                guard case .phase(let phase) = event else { return }
                phases.withLock { $0[phase] = Parallel.isInBackground }
            })
        for phase in [AdaptationJob.Phase.examining, .preparing, .training, .comparing, .listening]
        {
            #expect(phases.withLock { $0[phase] } == true, "\(phase)")
        }
        #expect(!Parallel.isInBackground)
    }

    /// Examining recordings and making mels is no op of the pool, and makes way all the same.
    @Test(arguments: [AdaptationJob.Phase.examining, .preparing])
    func whatIsNoOpStandsAsideForSpeech(phase: AdaptationJob.Phase) throws {
        let isSpoken = Atomic(false)
        let steps = Atomic(0)
        _ = try scene.job(AdaptationScene.options()).run(
            control: { .go },
            report: { event in
                switch event {
                case .phase(phase):
                    ComputeGate.shared.speechBegins()
                    isSpoken.store(true, ordering: .sequentiallyConsistent)
                    Thread.detachNewThread {
                        usleep(300_000)
                        isSpoken.store(false, ordering: .sequentiallyConsistent)
                        ComputeGate.shared.speechEnds()
                    }
                case .progress where isSpoken.load(ordering: .sequentiallyConsistent):
                    steps.add(1, ordering: .relaxed)
                default: break
                }
            })
        #expect(steps.load(ordering: .relaxed) == 0)
    }

    /// What nothing could be heard of is refused before anything is examined.
    @Test(arguments: ["", " \n ", "\u{4e2d}\u{6587}", "\u{3b1}\u{3b2}\u{3b3}"])
    func textsThatCannotBeHeardAreRefused(text: String) throws {
        let log = EventLog()
        let options = AdaptationScene.options { $0.listenText = text }
        let error = #expect(throws: SpeechError.self) {
            try scene.job(options).run(control: { .go }, report: log.add)
        }
        #expect(error?.code == .invalidRequest)
        #expect(error?.parameter == "listen_text")
        #expect(log.phases.isEmpty)
    }

    /// Files to listen to that cannot be made cost the job nothing else.
    @Test func aJobOutlivesWhatCannotBeHeard() throws {
        let log = EventLog()
        let vocoder = scene.folder.path("models/vocoder")
        let outcome = try scene.job(AdaptationScene.options()).run(
            control: { .go },
            report: { event in
                log.add(event)
                if case .phase(.listening) = event {
                    try? FileManager.default.removeItem(atPath: vocoder)
                }
            })
        guard case .finished(let result) = outcome else {
            Issue.record("stopped")
            return
        }
        #expect(
            log.events.contains {
                if case .warning(let text) = $0 { text.contains("listen to") } else { false }
            })
        #expect(Set(result.files.map(\.name)) == ["report.html", "doctor.json", "curves.jsonl"])
        #expect(try result.publish(to: scene.store, voice: "ada").number == 1)
    }

    /// What a killed process left half written goes, and with the workings everything that only training
    /// needed.
    @Test func leavesNothingBehind() throws {
        let options = AdaptationScene.options {
            $0.heldOut = 0
            $0.keepAt = [2]
        }
        let litter = [
            "job/.prepared.json.17.part", "job/run/.best-2.pt.18446744073709551615.part",
            "job/run/checkpoints/.update-00000002.pt.5.part", "job/kept/.update-2.pt.1.part",
        ]
        for name in litter { try scene.folder.write("half", to: name) }
        try scene.folder.write("mine", to: "job/.notes.part")
        let result = try scene.finished(options)
        for name in litter {
            #expect(!FileManager.default.fileExists(atPath: scene.folder.path(name)), "\(name)")
        }
        #expect(scene.folder.names(in: "job").contains("last.pt"))
        AdaptationResult.removeWorkings(in: scene.folder.path("job"))
        #expect(
            scene.folder.names(in: "job") == [
                ".notes.part", "adaptation.json", "doctor.json", "kept", "listen-before.wav",
                "listen-ema.wav", "listen-raw.wav", "prepared.json", "report.html", "result", "run",
            ])
        #expect(
            scene.folder.names(in: "job/run") == [
                "curves.jsonl", "lock", "run.json", "timings.jsonl",
            ])
        #expect(try result.publish(to: scene.store, voice: "ada", checkpoint: 2).number == 1)
        // Asked again, there is nothing to do, and nothing is needed for it.
        #expect(AdaptationJob.isPrepared(in: scene.folder.path("job")))
        #expect(try scene.finished(options).record == result.record)
    }

    /// Recordings to hold out are examined like the others, and are not silently replaced by some of those.
    @Test func validationRecordings() throws {
        func run(_ folder: String, in name: String, _ log: EventLog) throws -> AdaptationResult? {
            let job = AdaptationJob(
                folder: scene.folder.path(name),
                recordings: try RecordingImport(
                    folder: scene.folder.path("wavs"), isConfined: true),
                validation: try RecordingImport(
                    folder: scene.folder.path(folder), isConfined: true),
                model: scene.model, weights: .ema, options: AdaptationScene.options())
            guard case .finished(let result) = try job.run(control: { .go }, report: log.add)
            else { return nil }
            return result
        }
        let files = FileManager.default
        try scene.folder.write("no audio", to: "held/broken.wav")
        try scene.folder.write("Some words.", to: "held/broken.txt")
        let refused = EventLog()
        let error = #expect(throws: SpeechError.self) {
            try run("held", in: "none", refused)
        }
        #expect(error?.parameter == "validation_file")
        #expect(error?.message.hasPrefix("The only validation clip cannot be held out.") == true)
        #expect(error?.message.contains("not readable: ") == true)
        for ending in ["flac", "txt"] {
            try files.copyItem(
                atPath: scene.folder.path("wavs/c1.\(ending)"),
                toPath: scene.folder.path("held/x.\(ending)"))
        }
        let log = EventLog()
        let result = try #require(try run("held", in: "some", log))
        #expect(result.record.figures.heldOutClips == 1)
        #expect(result.record.figures.trainingClips == 4)
        let reports = log.events.compactMap {
            if case .examinedValidation(let report) = $0 { report } else { nil }
        }
        #expect(reports.map(\.kept) == [1])
        #expect(reports.map { $0.examinations.count } == [2])
        #expect(result.files.map(\.name).contains("doctor-validation.json"))
        // Nothing is left to train on.
        let same = #expect(throws: SpeechError.self) { try run("wavs", in: "same", EventLog()) }
        #expect(same?.message.contains("among the validation clips") == true)
    }

    @Test func fewRecordingsAreStillOfUse() throws {
        let scene = try AdaptationScene(clips: 1)
        let log = EventLog()
        let outcome = try scene.job(AdaptationScene.options()).run(
            control: { .go }, report: log.add)
        guard case .finished(let result) = outcome else {
            Issue.record("stopped")
            return
        }
        #expect(result.record.figures.heldOutClips == 0)
        #expect(result.record.better == .raw)
        #expect(
            log.events.contains {
                if case .warning(let text) = $0 { text.contains("held out") } else { false }
            })
    }

    @Test func unusableRecordingsAreRefused() throws {
        try scene.folder.write("no audio", to: "broken/a.wav")
        try scene.folder.write("Some words.", to: "broken/a.txt")
        let error = #expect(throws: SpeechError.self) {
            try scene.job(AdaptationScene.options(), recordings: "broken").run(
                control: { .go }, report: { _ in })
        }
        #expect(error?.code == .invalidRequest)
        // Over HTTP the message is all there is to read.
        #expect(error?.message.contains("not readable: ") == true)
    }

    @Test func optionsAreCheckedAndStoredByTheirNames() throws {
        let bad: [(String, (inout AdaptationOptions) -> Void)] = [
            ("updates", { $0.updates = 0 }), ("learning_rate", { $0.learningRate = .nan }),
            ("ema_beta", { $0.averageBeta = 1 }), ("lora_rank", { $0.rank = 0 }),
            ("hold_out", { $0.heldOut = -1 }), ("keep_at", { $0.keepAt = [0] }),
            ("dropout", { $0.dropout = 1 }), ("keep_at", { $0.keepAt = [2, 5] }),
            ("ema_start_update", { $0.averageStart = 4 }), ("listen_text", { $0.listenText = " " }),
            ("listen_text", { $0.listenText = String(repeating: "x", count: 2001) }),
        ]
        for (name, change) in bad {
            do {
                try AdaptationScene.options(change).validate()
                Issue.record("\(name) was taken")
            } catch { #expect(error.parameter == name) }
        }
        let options = AdaptationScene.options()
        let json = try JSONEncoder().encode(options)
        #expect(try JSONDecoder().decode(AdaptationOptions.self, from: json) == options)
        #expect(String(decoding: json, as: UTF8.self).contains("\"ema\":\"fresh\""))
        // What has nothing to do is refused; a default that is filled in is not.
        typealias Idle = (
            name: String, method: AdaptationOptions.Method,
            averaging: TrainingConfiguration.Averaging, change: (inout AdaptationOptions) -> Void
        )
        let idle: [Idle] = [
            ("lora_rank", .full, .fresh, { $0.rank = 4 }),
            ("lora_alpha", .full, .fresh, { $0.alpha = 8 }),
            ("ema_beta", .lora, .off, { $0.averageBeta = 0.5 }),
            ("ema_update_every", .lora, .off, { $0.averageEvery = 2 }),
            ("ema_start_update", .lora, .off, { $0.averageStart = 4 }),
            ("ema_start_update", .full, .inherited, { $0.averageStart = 4 }),
        ]
        for (name, method, averaging, change) in idle {
            var options = AdaptationOptions()
            options.method = method
            options.averaging = averaging
            try options.validate()
            change(&options)
            do {
                try options.validate()
                Issue.record("\(name) was taken")
            } catch { #expect(error.parameter == name) }
        }
        // Half of the updates pass before the average begins.
        var standard = AdaptationOptions()
        standard.updates = 300
        #expect(standard.training.averageStart == 150)
        #expect(standard.training.average.every == 1)
        #expect(standard.training.schedule.warmup == 30)
        #expect(standard.training.activationBytes == 1 << 30)
        standard.recompute = true
        #expect(standard.training.activationBytes == 0)
        standard.recompute = false
        #expect(standard.training.activationBytes == .max)
        #expect(standard.heldOut(of: 1) == 0)
        #expect(standard.heldOut(of: 30) == 3)
        #expect(standard.heldOut(of: 5000) == 20)
    }
}
