import Foundation
import Synchronization
import TestSupport
import Testing

@testable import F5TTS

/// Archives made by zip, Python and tar, and hostile ones made by hand.
struct RecordingArchiveTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private var root: String { folder.path + "/unpacked" }

    /// Names below what was unpacked, or nothing if nothing was.
    private var unpacked: [String] {
        guard let paths = try? FolderListing(root).files else { return [] }
        return paths
    }

    private func refusal(
        _ path: String, _ limits: RecordingArchive.Limits = .init()
    ) -> SpeechError? {
        do throws(SpeechError) {
            _ = try RecordingArchive(path: path, limits: limits).unpack(into: root, as: "x")
            return nil
        } catch { return error }
    }

    private func refusal(tar: TarBuilder) throws -> SpeechError? {
        let path = folder.path + "/hostile.tar"
        try Data(tar.archive).write(to: URL(filePath: path))
        return refusal(path)
    }

    @Test(arguments: ["plain.zip", "mac.zip", "plain.tar.gz", "plain.tar.bz2"])
    func whatPeoplePackIsUnpacked(name: String) throws {
        let path = try RecordingArchive(path: Fixtures.path("recordings/\(name)"))
            .unpack(into: root, as: "job")
        #expect(path == root + "/job")
        #expect(
            unpacked == [
                "job/my voice/metadata.csv", "job/my voice/wavs/one.wav",
                "job/my voice/wavs/zwölf.wav",
            ])
        let text = try String(contentsOfFile: path + "/my voice/metadata.csv", encoding: .utf8)
        #expect(text.contains("wavs/zwölf.wav|Zwölf Boxkämpfer."))
        let audio = try Data(contentsOf: URL(filePath: path + "/my voice/wavs/one.wav"))
        #expect(audio.count == 1_644 && audio.starts(with: Data("RIFF".utf8)))
    }

    /// What was unpacked of one archive is found again, and not taken for what is in another.
    @Test func everyArchiveHasAFolderOfItsOwn() throws {
        func touch(_ path: String, nanoseconds: Int) {
            let time = timespec(tv_sec: 1_700_000_000, tv_nsec: nanoseconds)
            let result = utimensat(AT_FDCWD, path, [time, time], 0)
            #expect(result == 0)
        }
        let paths = try ["a.zip", "b.zip"].map { try folder.write([1, 2, 3], as: $0) }
        for path in paths { touch(path, nanoseconds: 5) }
        let names = paths.map { RecordingArchive(path: $0).folderName }
        #expect(names[0] != names[1])
        #expect(names.allSatisfy(RecordingArchive.isFolderName))
        #expect(RecordingArchive(path: folder.path + "/./a.zip").folderName == names[0])
        touch(paths[0], nanoseconds: 6)
        #expect(RecordingArchive(path: paths[0]).folderName != names[0])
    }

    /// Wherever it is told to stop, it leaves nothing behind.
    @Test func unpackingCanBeCalledOff() throws {
        let archive = RecordingArchive(path: Fixtures.path("recordings/plain.zip"))
        let asked = Atomic(0)
        func unpack(as name: String, asking limit: Int) throws -> String {
            asked.store(0, ordering: .relaxed)
            return try archive.unpack(into: root, as: name) {
                asked.add(1, ordering: .relaxed).newValue <= limit
            }
        }
        _ = try unpack(as: "whole", asking: .max)
        let total = asked.load(ordering: .relaxed)
        #expect(total > 10)
        for limit in 0..<total {
            let error = #expect(throws: SpeechError.self) { try unpack(as: "x", asking: limit) }
            #expect(error?.code == .cancelled)
            #expect(folder.names(in: "unpacked") == ["whole"])
        }
    }

    @Test func anUnpackedArchiveIsNotUnpackedAgain() throws {
        let archive = RecordingArchive(path: Fixtures.path("recordings/plain.zip"))
        let path = try archive.unpack(into: root, as: "job")
        try Data().write(to: URL(filePath: path + "/mark"))
        #expect(try archive.unpack(into: root, as: "job") == path)
        #expect(unpacked.contains("job/mark"))
    }

    @Test(arguments: [
        ("symlink.zip", SpeechError.Code.invalidRequest), ("encrypted.zip", .unsupportedMedia),
        ("one.wav.gz", .unsupportedMedia), ("twice.tar.gz.gz", .unsupportedMedia),
        ("no-such.zip", .unavailable), ("../mel", .unavailable),
        ("../mel/speech_24k.wav", .unsupportedMedia),
    ])
    func whatIsNoPlainArchiveIsRefused(name: String, code: SpeechError.Code) {
        let error = refusal(Fixtures.path("recordings/\(name)"))
        #expect(error?.code == code, "\(error?.message ?? "accepted")")
        #expect(folder.names(in: "unpacked").isEmpty)
    }

    @Test(arguments: [
        "../up.wav", "a/../../up.wav", "/etc/skald.wav", "a/..", "..\\up.wav", "a\nb.wav",
        String(repeating: "d/", count: 17) + "a",
    ])
    func namesThatLeadAstrayAreRefused(name: String) throws {
        var tar = TarBuilder()
        tar.add("good.wav", [1, 2, 3])
        tar.add(name, [4])
        let error = try refusal(tar: tar)
        #expect(error?.code == .invalidRequest, "\(error?.message ?? "accepted")")
        #expect(folder.names(in: "unpacked").isEmpty)
        #expect(folder.names(in: "") == ["hostile.tar"])
    }

    @Test func pathsAreLimited() throws {
        let folders = Array(repeating: String(repeating: "d", count: 199), count: 5)
        let long = folders.joined(separator: "/")
        #expect(throws: Never.self) { try ArchivePath(Array(long.utf8)) }
        #expect(throws: SpeechError.self) { try ArchivePath(Array((long + "/a").utf8)) }
        // Folders that no entry names are folders too.
        var limits = RecordingArchive.Limits()
        limits.entries = 3
        let codes: [(String, SpeechError.Code?)] = [
            ("a/b/c/d/e.wav", .tooLarge), ("a/b/c/d.wav", nil),
        ]
        for (name, code) in codes {
            var tar = TarBuilder()
            tar.add(name, [1])
            let path = try folder.write(tar.archive, as: "deep.tar")
            #expect(refusal(path, limits)?.code == code, "\(name)")
        }
    }

    @Test func namesThatAreNoTextAreRefused() throws {
        var tar = TarBuilder()
        tar.add([0x61, 0xFF, 0x62], [1])
        #expect(try refusal(tar: tar)?.code == .invalidRequest)
        #expect(folder.names(in: "unpacked").isEmpty)
    }

    @Test(arguments: ["1", "2", "3", "4", "6"])
    func linksAndDevicesAreRefused(kind: Character) throws {
        var tar = TarBuilder()
        tar.add("good.wav", [1, 2, 3])
        tar.add("bad.wav", kind: kind, link: "/etc/passwd")
        #expect(try refusal(tar: tar)?.code == .invalidRequest)
        #expect(folder.names(in: "unpacked").isEmpty)
    }

    @Test func aNameIsTakenOnce() throws {
        for (first, second) in [("a.wav", "./a.wav"), ("a", "a/b.wav"), ("a/b.wav", "a")] {
            var tar = TarBuilder()
            tar.add(first, [1])
            tar.add(second, [2])
            #expect(try refusal(tar: tar)?.code == .invalidRequest, "\(first), \(second)")
        }
        #expect(folder.names(in: "unpacked").isEmpty)
    }

    @Test func sizesAreLimitedWhileReading() {
        var limits = RecordingArchive.Limits()
        limits.freeBytes = 1 << 20
        for name in ["bomb.zip", "sparse.tar.gz"] {
            let path = Fixtures.path("recordings/\(name)")
            #expect(refusal(path, limits)?.code == .tooLarge)
            #expect(folder.names(in: "unpacked").isEmpty)
            // The very same files are harmless where that much is free.
            #expect(throws: Never.self) { try RecordingArchive(path: path).check() }
        }
        let plain = Fixtures.path("recordings/plain.zip")
        for (field, value) in [
            (\RecordingArchive.Limits.entries, 4), (\.bytes, 3_000), (\.fileBytes, 1_600),
        ] {
            limits = RecordingArchive.Limits()
            limits[keyPath: field] = value
            #expect(refusal(plain, limits)?.code == .tooLarge)
        }
        limits = RecordingArchive.Limits()
        (limits.entries, limits.bytes, limits.fileBytes) = (5, 3_358, 1_644)
        #expect(refusal(plain, limits) == nil)
    }

    @Test func emptyArchivesAreRefused() throws {
        #expect(try refusal(tar: TarBuilder())?.code != nil)
        var tar = TarBuilder()
        tar.add("folder", kind: "5")
        #expect(try refusal(tar: tar)?.code == .invalidRequest)
    }

    /// Wherever an archive is cut or a bit flips, either all of it is unpacked or nothing is.
    @Test(arguments: ["plain.zip", "mac.zip", "plain.tar.gz", "plain.tar.bz2"])
    func damageIsSeenBeforeAnythingIsWritten(name: String) throws {
        let bytes = try Fixtures.bytes("recordings/\(name)")
        let path = folder.path + "/damaged"
        var refused = 0
        for step in 0..<120 {
            var damaged = bytes
            if step % 2 == 0 {
                damaged.removeLast(1 + step * (bytes.count - 1) / 120)
            } else {
                damaged[step * (bytes.count - 1) / 120] ^= 0x10
            }
            try Data(damaged).write(to: URL(filePath: path))
            if let error = refusal(path) {
                refused += 1
                #expect(!error.message.contains(folder.path))
                #expect(folder.names(in: "unpacked").isEmpty)
            } else {
                #expect(folder.names(in: "unpacked") == ["x"])
                try FileManager.default.removeItem(atPath: root)
            }
        }
        #expect(refused > 60)
    }
}
