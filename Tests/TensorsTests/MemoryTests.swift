import Foundation
import Synchronization
import Testing

@testable import Tensors

/// Memory that ops use over and over: what is lent to them, and what is kept of their results.
struct MemoryTests {
    /// What `body` gives on a thread of its own, which has no memory yet.
    private func onThread<T: Sendable>(_ body: @escaping @Sendable () -> T) -> T? {
        let result = Mutex<T?>(nil)
        let done = DispatchSemaphore(value: 0)
        Thread.detachNewThread {
            let value = body()
            result.withLock { $0 = value }
            done.signal()
        }
        done.wait()
        return result.withLock { $0 }
    }

    /// Has floats lent to it, one block within the other, and fills them.
    ///
    /// - Returns: where they lay; nil if one did not stay as it was filled.
    private static func places(_ counts: ArraySlice<Int>) -> [UInt]? {
        guard let count = counts.first else { return [] }
        return withScratch(count) { block -> [UInt]? in
            for i in 0..<count { block[i] = Float(count + i) }
            guard let inner = places(counts.dropFirst()),
                (0..<count).allSatisfy({ block[$0] == Float(count + $0) })
            else { return nil }
            return [UInt(bitPattern: block)] + inner
        }
    }

    @Test func scratchIsAStack() throws {
        let rounds = try #require(
            onThread {
                // The first time shows how much there must be.
                (0..<3).map { _ in Self.places([10, 1000, 0, 77]) }
            })
        let second = try #require(rounds[1])
        let third = try #require(rounds[2])
        #expect(rounds[0] != nil && second == third)
        #expect(second.allSatisfy { $0 % 64 == 0 })
        #expect(zip(second, second.dropFirst()).map { $1 - $0 } == [64, 4032, 64])
    }

    /// More than a thread keeps is lent too, and leaves the rest as it was.
    @Test func scratchHasAnEnd() throws {
        let rounds = try #require(
            onThread {
                [[100, 50], [100, 17 << 20, 50], [100, 50], [17 << 20, 100], [100, 50]]
                    .map { (counts: [Int]) in Self.places(counts[...]) }
            })
        #expect(rounds.allSatisfy { $0 != nil })
        #expect(rounds[2] == rounds[4])
    }

    @Test func threadsHaveScratchOfTheirOwn() {
        let failures = Atomic<Int>(0)
        let done = DispatchSemaphore(value: 0)
        for thread in 1...3 {
            Thread.detachNewThread {
                for round in 1...200 where Self.places([thread, 97 * round, 5]) == nil {
                    failures.add(1, ordering: .relaxed)
                }
                done.signal()
            }
        }
        for _ in 0..<3 { done.wait() }
        #expect(failures.load(ordering: .relaxed) == 0)
    }

    @Test func onlyUsefulBlocksAreKept() {
        #expect([64, 100, 104, 128, 129].map(FreeBlocks.rounded) == [64, 104, 104, 128, 144])
        var free = FreeBlocks()
        let whileNobodyIsThere = free.keep(1, 64)
        #expect(whileNobodyIsThere == nil)
        free.most = 1024
        // Nobody asks for 100; 288 are more than a quarter of all.
        let (odd, large) = (free.keep(1, 100), free.keep(1, 288))
        #expect(odd == nil && large == nil)
        let dropped = [free.keep(1, 104), free.keep(2, 104)]
        #expect(dropped == [[], []])
        let taken = [free.take(96), free.take(104), free.take(104), free.take(104)]
        #expect(taken == [nil, 2, 1, nil])
    }

    @Test func theOldestBlockGoes() {
        var free = FreeBlocks()
        free.most = 1024
        let first = (1...8).map { free.keep($0, 128) }
        #expect(first.allSatisfy { $0 == [] })
        let dropped = [free.keep(9, 64), free.keep(10, 128)]
        #expect(dropped == [[1], [2]])
        let taken = [free.take(64), free.take(128)]
        #expect(taken == [9, 10])
        let rest = free.removeAll()
        #expect(rest.sorted() == [3, 4, 5, 6, 7, 8])
        let afterwards = free.take(128)
        #expect(afterwards == nil)
    }

    @Test func sizesAreRoundedWhereBlocksAreKept() {
        StoragePool.keepingMemory(for: .speech) {
            StoragePool.keepingMemory(for: .speech) {}
            #expect(StoragePool.capacity(100_000) == FreeBlocks.rounded(100_000))
            #expect(StoragePool.capacity(100) == 100)
            #expect(StoragePool.capacity(1 << 26 + 1) == 1 << 26 + 1)
        }
    }

    /// A network's block, 300 frames of two samples.
    private struct Block {
        let precision: Precision
        let isTrained: Bool
        let x = OpTests.noise([2, 300, 128], seed: 1)
        /// Weights and biases of a convolution and of five linear layers.
        let parameters = [
            [128, 32, 31], [128], [128, 128], [128], [128, 128], [128], [128, 128], [128],
            [512, 128], [512], [128, 512], [128],
        ].map { OpTests.noise($0, seed: 2) }

        func step() {
            let p = isTrained ? parameters.map(\.asParameter) : parameters
            let position = Convolution(
                weight: p[0], bias: p[1], groups: 4, precision: precision)
            let layers = stride(from: 2, to: p.count, by: 2).map {
                Linear(matrix: WeightMatrix(p[$0], precision), bias: p[$0 + 1])
            }
            let h = position(x).layerNorm(eps: 1e-6)
            let attended = Attention.attend(
                queries: layers[0](h), keys: layers[1](h), values: layers[2](h), heads: 2,
                keyLengths: nil, precision: precision)
            let y = h + layers[4](layers[3](attended, activation: .geluTanh))
            guard isTrained else { return }
            let loss = y.meanSquaredError(.zeros(y.shape)) { _, _ in true }
            _ = loss.gradients(of: p)
        }
    }

    /// Pages that the system has given the calling thread so far, without reading them from anywhere.
    private static var pageFaults: Int {
        var usage = rusage()
        // RUSAGE_THREAD
        getrusage(__rusage_who_t(1), &usage)
        return usage.ru_minflt
    }

    /// Without memory that is kept, three steps take thousands of pages.
    @Test(arguments: StoragePool.Use.allCases, [Precision.f32, .bf16])
    func warmStepsTakeNoPages(use: StoragePool.Use, precision: Precision) throws {
        let faults = onThread { () -> [Int] in
            Parallel.runAlone()
            return StoragePool.keepingMemory(for: use) {
                let block = Block(precision: precision, isTrained: use == .training)
                return (0..<8).map { _ -> Int in
                    for _ in 0..<3 { block.step() }
                    let before = Self.pageFaults
                    for _ in 0..<3 { block.step() }
                    return Self.pageFaults - before
                }
            }
        }
        // Tests that run beside this one may take its blocks; hardly every time.
        let fewest = try #require(faults?.min())
        #expect(fewest < 100)
    }
}
