import Checkpoints
import Foundation
import Tensors
import TestSupport
import Testing

@testable import F5TTS

@Suite(.serialized) struct VoiceVersionTests {
    private let scene: AdaptationScene

    init() throws { scene = try AdaptationScene() }

    private func refusal<T>(_ body: () throws -> T) -> SpeechError? {
        do {
            _ = try body()
            return nil
        } catch { return error as? SpeechError }
    }

    @Test func versionsArePublishedRolledBackAndDeleted() throws {
        let result = try scene.finished(AdaptationScene.options { $0.keepAt = [2] })
        let store = scene.store
        let first = try result.publish(to: store, voice: "Ada Ä")
        #expect(first.number == 1)
        #expect(first.record.better == result.record.better)
        let voice = try store.voice("ada")
        #expect(voice.name == "Ada Ä")
        #expect(voice.version == first)
        #expect(voice.referenceText == result.record.reference.text)
        #expect(scene.folder.names(in: "data/voices") == ["ada"])
        #expect(
            scene.folder.names(in: "data/voices/ada/versions/1") == [
                "ema.safetensors", "raw.safetensors", "reference.wav", "version.json",
            ])
        // The same again is the same version; another checkpoint is another.
        #expect(try result.publish(to: store, voice: "ada") == first)
        #expect(result.checkpoints.map(\.update).contains(2))
        #expect(result.checkpoints.filter(\.isBest).count == 1)
        let curve = try TrainingCurve(contentsOf: scene.folder.path("job/run/curves.jsonl"))
        for checkpoint in result.checkpoints {
            let loss = try #require(checkpoint.trainLoss)
            #expect(loss == curve.steps.first { $0.update == checkpoint.update }?.loss)
        }
        let other = try result.publish(to: store, voice: "ada", checkpoint: 2, weights: .raw)
        if result.record.updates == 2 {
            #expect(other.record.better == .raw)
        } else {
            #expect(other.number == 2)
            #expect(other.record.updates == 2)
        }
        #expect(
            refusal { try result.publish(to: store, voice: "ada", checkpoint: 3) }?.parameter
                == "checkpoint")
        let again = try result.publish(
            to: store, voice: "ada", weights: result.record.better == .raw ? .ema : .raw)
        #expect(try store.voice("ada").version?.number == again.number)
        #expect(try store.voice("ada@1").version == first)
        #expect(try store.voice("ada@0").version == nil)
        try store.makeCurrent("ada", version: 1)
        #expect(try store.voice("ada").version == first)
        #expect(refusal { try store.deleteVersion("ada", 1) }?.code == .invalidRequest)
        try store.deleteVersion("ada", again.number)
        #expect(refusal { try store.voice("ada@\(again.number)") }?.code == .voiceNotFound)
        #expect(refusal { try store.makeCurrent("ada", version: 99) }?.code == .voiceNotFound)
        try store.makeCurrent("ada", version: 0)
        #expect(try store.voice("ada").version == nil)
        // A number is never given twice.
        let next = try result.publish(
            to: store, voice: "ada", weights: result.record.better == .raw ? .ema : .raw)
        #expect(next.number == again.number + 1)
        try store.delete("ada")
        #expect(scene.folder.names(in: "data/voices").isEmpty)
    }

    @Test(arguments: [
        "ada@", "@1", "ada@-1", "ada@01", "ada@1@2", "ada@x", "../ada@1",
        "ada@99999999999999999999",
    ])
    func strangeVersionsFindNothing(name: String) {
        #expect(refusal { try scene.store.voice(name) }?.code == .voiceNotFound)
    }

    /// Numbers that nobody gave, and that have no next one.
    @Test func absurdVersionsAreNone() throws {
        let folder = scene.folder
        let voice = folder.path("voice")
        for (json, number) in [
            (#"{"current":1,"next":9223372036854775807}"#, "9223372036854775807"),
            (#"{"current":9223372036854775807,"next":3}"#, "4294967296"),
        ] {
            try folder.write(json, to: "voice/versions.json")
            try folder.write("", to: "voice/versions/\(number)/version.json")
            #expect(VersionIndex(voice: voice) == VersionIndex())
            #expect(VersionIndex.numbers(voice: voice).isEmpty)
            #expect(VersionIndex(voice: voice).free(voice: voice) == 1)
        }
    }

    @Test func adaptedVoicesSpeakWithTheirWeights() throws {
        let result = try scene.finished()
        let store = scene.store
        let version = try result.publish(to: store, voice: "ada")
        let (synthesizer, weights) = try Synthesizer.load(scene.model)
        #expect(try synthesizer.identity() == version.record.base)
        let plain = try scene.speech(synthesizer, "ada@0")
        let raw = try scene.speech(synthesizer, "ada", weights: .raw)
        let average = try scene.speech(synthesizer, "ada", weights: .ema)
        #expect(plain != raw && raw != average && plain != average)
        #expect(
            try scene.speech(synthesizer, "ada")
                == (version.record.better == .raw ? raw : average))
        // The base is as it was.
        #expect(try scene.speech(synthesizer, "ada@0") == plain)
        #expect(
            refusal { try store.reference(store.voice("ada@0"), weights: .raw) }?.parameter
                == "weights")

        // What is added at run time is what training added to the matrices.
        let adapter = try #require(version.record.adapter)
        let stored = try EMAResolution.resolve(
            .open(version.weightsPath(.raw)), source: .auto)
        let base = try weights.tensors.filter { $0.value.elementType.isFloatingPoint }
            .mapValues { try $0.tensor() }
        let merged = scene.model.backbone.model(
            values: adapter.merged(
                try stored.tensors.map { ($0.key, try $0.value.tensor()) }, into: base))
        let (_, parts, _) = try scene.model.loadParts(.ema, precision: .f32, packs: nil)
        let added = Weights.adapted(
            parts, by: try adapter.layers(of: stored, for: scene.model.backbone)
        ) { scene.model.backbone.model($0) }
        var generator = TorchGenerator(seed: 5)
        let x = generator.normal([1, 20, 100])
        func velocity(_ backbone: any Backbone) -> Tensor {
            backbone.velocity(
                x, condition: x,
                text: backbone.embed(
                    [[5, 6, 7]], frames: 20, lengths: nil, dropped: false),
                time: backbone.timeTable([0.3]), lengths: nil)
        }
        expectClose(velocity(added), velocity(merged), atol: 2e-5, "low rank against merged")
    }

    /// Whoever reads the weights in the background stands aside for speech, and keeps nobody from it.
    @Test func theIdentityIsNotWaitedFor() throws {
        _ = try scene.finished().publish(to: scene.store, voice: "ada")
        let (synthesizer, _) = try Synthesizer.load(scene.model)
        let (read, spoken) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
        ComputeGate.shared.speechBegins()
        Thread.detachNewThread {
            _ = try? Parallel.inBackground { try synthesizer.identity() }
            read.signal()
        }
        #expect(read.wait(timeout: .now() + 0.2) == .timedOut)
        Thread.detachNewThread { [scene] in
            _ = try? scene.speech(synthesizer, "ada")
            spoken.signal()
        }
        #expect(spoken.wait(timeout: .now() + 120) == .success)
        ComputeGate.shared.speechEnds()
        #expect(read.wait(timeout: .now() + 120) == .success)
    }

    @Test func anotherBaseIsRefused() throws {
        _ = try scene.finished().publish(to: scene.store, voice: "ada")
        try RandomModel.write(
            scene.model.backbone, seed: 3, to: scene.folder.path("random.safetensors"),
            layout: .safetensors)
        try AdaptationScene.addModel(
            "other", weights: scene.folder.path("random.safetensors"), scene.folder)
        let other = try ModelCatalog(root: scene.folder.path("models")).find("other", arch: nil)
        let (synthesizer, _) = try Synthesizer.load(other)
        let error = refusal { try scene.speech(synthesizer, "ada") }
        #expect(error?.code == .invalidRequest)
        #expect(error?.parameter == "voice")
        #expect(error?.message.contains("\"tiny\"") == true)
        #expect(error?.message.contains(scene.folder.path) == false)
        // In another layout it is the same model.
        _ = try CheckpointConversion.convert(
            scene.model.weightsPath, to: scene.folder.path("same.pt"), source: nil, type: nil,
            layout: .torchZip)
        try AdaptationScene.addModel("same", weights: scene.folder.path("same.pt"), scene.folder)
        let same = try ModelCatalog(root: scene.folder.path("models")).find("same", arch: nil)
        #expect(try !scene.speech(Synthesizer.load(same).synthesizer, "ada").isEmpty)
    }

    /// The voice that was not asked for longest makes room; the one that speaks stays.
    @Test func memoryIsBounded() throws {
        let result = try scene.finished(
            AdaptationScene.options { $0.keepAt = [2, 4] })
        var versions: [VoiceVersion] = []
        for set in [WeightSource.raw, .ema] {
            versions.append(
                try result.publish(to: scene.store, voice: "a-\(set.rawValue)", weights: set))
        }
        let (backbone, parts, _) = try scene.model.loadParts(.ema, precision: .f32, packs: nil)
        let adapters = versions.map { version in
            AdaptedWeights(voice: "a", version: version, set: version.record.better)
        }
        func models(_ limit: Int) throws -> AdaptedModels {
            AdaptedModels(
                scene.model, try scene.model.weights(.ema), parts, base: SamplerCache(backbone),
                limit: limit)
        }
        let roomy = try models(1 << 30)
        let first = try roomy.samplers(adapters[0])
        _ = try roomy.samplers(adapters[1])
        #expect(roomy.count == 2)
        #expect(try roomy.samplers(adapters[0]) === first)
        let size = roomy.bytes / 2
        #expect(size > 0)
        let narrow = try models(size + size / 2)
        _ = try narrow.samplers(adapters[0])
        _ = try narrow.samplers(adapters[1])
        #expect(narrow.count == 1)
        #expect(narrow.bytes == size)
        let none = try models(0)
        _ = try none.samplers(adapters[0])
        #expect(none.count == 1)
        // The MiB that `skald serve --help` tells.
        #expect(Synthesizer.standardAdapterMemory == 1024 << 20)
    }

    /// A full voice takes what its packed matrices take, and a quarter more for its time tables; it is not
    /// packed in eight bits unmeasured.
    @Test func fullVoicesAreCountedAsTheyAreHeld() throws {
        let version = try scene.finished(
            AdaptationScene.options {
                $0.method = .full
                $0.averaging = .off
                $0.learningRate = 1e-3
            }
        ).publish(to: scene.store, voice: "ada")
        let voice = AdaptedWeights(voice: "ada", version: version, set: .raw)
        func held(_ base: Precision, _ own: Precision? = nil) throws -> Int {
            let (backbone, parts, weights) = try scene.model.loadParts(
                .ema, precision: base, packs: nil)
            let models = AdaptedModels(
                scene.model, weights, parts, precision: own, base: SamplerCache(backbone),
                limit: 1 << 30)
            _ = try models.samplers(voice)
            let packed = parts.bytes(in: base)
            #expect(own != nil || models.bytes == packed + packed / 4)
            return models.bytes
        }
        let exact = try held(.f32)
        let parameters = Weights.shapes { scene.model.backbone.model($0) }
            .reduce(0) { $0 + $1.shape.reduce(1, *) }
        // Panels are 16 outputs wide.
        #expect(exact >= 4 * parameters)
        let rounded = try held(.bf16)
        #expect(rounded < exact)
        #expect(try held(.int8) < rounded)
        #expect(try held(.int8, .bf16) == rounded)
    }

    /// A name that belongs to the installation can be refused before anything is trained.
    @Test func namesOfTheInstallationAreRefused() throws {
        try scene.folder.write("{}", to: "shipped/heart/voice.json")
        let error = refusal { try scene.store.checkPublishable("Heart", parameter: "suffix") }
        #expect(error?.parameter == "suffix")
        #expect(error?.message.contains("belongs to the installation") == true)
        #expect(
            refusal { try scene.store.checkPublishable("a\nb", parameter: "suffix") }?.parameter
                == "suffix")
        let (id, name) = try scene.store.checkPublishable(" Ada L. ", parameter: "suffix")
        #expect(id == "ada-l" && name == "Ada L.")
    }

    /// Names that give the same id may be those of two people.
    @Test func anIdBelongsToOneName() throws {
        let result = try scene.finished()
        let store = scene.store
        let first = try result.publish(to: store, voice: "Zoë ✓")
        let refused = refusal { try result.publish(to: store, voice: "Zoé", weights: .raw) }
        #expect(refused?.code == .invalidRequest)
        #expect(refused?.parameter == "voice")
        #expect(refused?.message.contains("\"zo\" already") == true)
        #expect(
            refusal { try store.checkPublishable("Zoé", parameter: "suffix") }?.parameter
                == "suffix")
        #expect(try store.versions(of: "zo") == [first])
        // Its name and its id are its own.
        let other = first.record.better == .raw ? WeightSource.ema : .raw
        #expect(try result.publish(to: store, voice: "Zoë ✓", weights: other).number == 2)
        #expect(try result.publish(to: store, voice: "zo") == first)
        #expect(try store.voice("zo").version == first)
    }

    /// Whoever deletes a voice while a version is written is told to come back, and what is removed without
    /// asking leaves no version that nobody could speak with.
    @Test func aVoiceIsNotDeletedWhileItIsPublished() throws {
        let store = scene.store
        let record = try scene.finished().record
        func version(meanwhile: @escaping () -> Void = {}) -> VoiceStore.NewVersion {
            VoiceStore.NewVersion(
                record: record,
                writeWeights: { _, path in
                    meanwhile()
                    try Data([1]).write(to: URL(filePath: path))
                }, reference: [1])
        }
        var refusals: [SpeechError?] = []
        let made = try store.publish(
            version { refusals.append(refusal { try store.delete("ada") }) }, voice: "ada")
        #expect(!refusals.isEmpty && refusals.allSatisfy { $0?.code == .busy })
        #expect(try store.voice("ada").version == made)
        try store.delete("ada")
        #expect(scene.folder.names(in: "data/voices").isEmpty)

        let file = scene.folder.path("data/voices/bea/voice.json")
        let lost = refusal {
            try store.publish(
                version { try? FileManager.default.removeItem(atPath: file) }, voice: "bea")
        }
        #expect(lost?.code == .unavailable)
        #expect(lost?.message.contains("was deleted") == true)
        let broken = refusal { try store.publish(version(), voice: "bea") }
        #expect(broken?.message.contains("voice.json") == true)
        #expect(scene.folder.names(in: "data/voices/bea/versions").isEmpty)
    }

    @Test func exportsAreOfficialAndExact() throws {
        let result = try scene.finished()
        let version = try result.publish(to: scene.store, voice: "ada")
        let path = scene.folder.path("ada.pt")
        let notes = try version.export(
            base: scene.model, to: path, layout: .torchZip, weights: .auto)
        #expect(notes.isEmpty)
        let file = try CheckpointFile.open(path)
        guard case .tree(let root) = file.contents else {
            Issue.record("no tree")
            return
        }
        #expect(root["model_state_dict"] != nil && root["ema_model_state_dict"] != nil)
        // It would be taken for a checkpoint to resume from.
        #expect(root["update"] == nil && root["optimizer_state_dict"] == nil)
        let adapter = try #require(version.record.adapter)
        let base = try scene.model.weights(.ema)
        for set in [WeightSource.raw, .ema] {
            let exported = try EMAResolution.resolve(file, source: set)
            let stored = try EMAResolution.resolve(
                .open(version.weightsPath(set)), source: .auto)
            let merged = Dictionary(
                uniqueKeysWithValues: adapter.merged(
                    try stored.tensors.map { ($0.key, try $0.value.tensor()) },
                    into: try base.tensors.mapValues { try $0.tensor() }))
            #expect(exported.tensors.count == merged.count)
            for (name, tensor) in merged {
                #expect(try exported.tensors.tensor(name).array == tensor.array, "\(name)")
            }
        }
        // The export is a model by itself.
        try AdaptationScene.addModel("exported", weights: path, scene.folder)
        let model = try ModelCatalog(root: scene.folder.path("models")).find("exported", arch: nil)
        _ = try Synthesizer.load(model)
        // Without an average the raw weights stand in for it.
        let off = try scene.finished(
            AdaptationScene.options {
                $0.averaging = .off
                $0.method = .full
                $0.learningRate = 1e-3
            }, in: "off"
        ).publish(to: scene.store, voice: "bea")
        #expect(
            try off.export(base: scene.model, to: path, layout: .torchZip, weights: .auto).count
                == 1)
        let both = try CheckpointFile.open(path)
        let trained = try EMAResolution.resolve(.open(off.weightsPath(.raw)), source: .auto)
        for set in [WeightSource.raw, .ema] {
            let exported = try EMAResolution.resolve(both, source: set)
            #expect(exported.tensors.count == trained.tensors.count)
            for (name, tensor) in trained.tensors {
                #expect(
                    try exported.tensors.tensor(name).array == tensor.tensor().array, "\(name)")
            }
        }
        #expect(trained.tensors.keys.contains { Weights.isDerivedBuffer($0) })
        let single = scene.folder.path("bea.safetensors")
        #expect(
            refusal {
                try off.export(base: scene.model, to: single, layout: .safetensors, weights: .ema)
            }?.parameter == "weights")
    }
}
