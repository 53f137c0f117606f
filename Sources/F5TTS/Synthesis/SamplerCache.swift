import Synchronization

/// The time tables of the schedules used last, so that a request pays for AdaLN only once.
///
/// Holds at most `capacity` of them, in at most `limit` bytes; the one unused for longest goes first.
/// The pruned schedules of 5 to 16 steps are one: a request that changes their number from chunk to
/// chunk never waits for a table, and which were asked for before changes nothing in the numbers.
final class SamplerCache: Sendable {
    private struct Key: Hashable {
        let sway: Float?
        /// Nil for all pruned schedules.
        let steps: Int?
        let solver: SynthesisOptions.Solver
    }

    private static let capacity = 8
    let backbone: any Backbone
    /// Samplers of a model that treats time alike.
    private let sharing: SamplerCache?
    private let limit: Int
    /// Least recently used first; the samplers of a key by their number of steps.
    private let samplers = Mutex<[(key: Key, samplers: [Int: FlowSampler], bytes: Int)]>([])

    /// - Parameters:
    ///   - backbone: the network.
    ///   - sharing: the samplers of a network that makes the same of the time, as an adapter's base
    ///     does: its tables are used, and kept there alone.
    ///   - limit: bytes that the tables may take; the one used last is kept in any case.
    init(_ backbone: any Backbone, sharing: SamplerCache? = nil, limit: Int = 128 << 20) {
        self.backbone = backbone
        self.sharing = sharing
        self.limit = limit
    }

    /// Bytes that the tables kept take.
    var bytes: Int { samplers.withLock { $0.reduce(0) { $0 + $1.bytes } } }

    /// The sampler of `steps` steps for these options.
    func sampler(steps: Int, _ options: SynthesisOptions) -> FlowSampler {
        if let sharing { return sharing.sampler(steps: steps, options).with(backbone) }
        let isPruned = options.solver == .euler && TimeSchedule.prunedSteps.contains(steps)
        let key = Key(
            sway: options.sway, steps: isPruned ? nil : steps, solver: options.solver)
        let found: FlowSampler? = samplers.withLock { samplers in
            guard let index = samplers.firstIndex(where: { $0.key == key }) else { return nil }
            let entry = samplers.remove(at: index)
            samplers.append(entry)
            return entry.samplers[steps]
        }
        if let found { return found }
        let made = make(isPruned ? TimeSchedule.prunedSteps : [steps], options)
        samplers.withLock { samplers in
            samplers.removeAll { $0.key == key }
            let byCount = Dictionary(uniqueKeysWithValues: made.map { ($0.schedule.count, $0) })
            // They have one table between them.
            samplers.append((key, byCount, made[0].tableBytes))
            var bytes = samplers.reduce(0) { $0 + $1.bytes }
            while samplers.count > Self.capacity || samplers.count > 1 && bytes > limit {
                bytes -= samplers.removeFirst().bytes
            }
        }
        // One of those just made has as many steps.
        return made.first { $0.schedule.count == steps } ?? made[0]
    }

    /// A sampler for each number of steps.
    private func make(_ counts: [Int], _ options: SynthesisOptions) -> [FlowSampler] {
        let schedules = counts.map { TimeSchedule(steps: $0, sway: options.sway) }
        guard schedules.count > 1 else {
            return [FlowSampler(backbone, schedule: schedules[0], solver: options.solver)]
        }
        return FlowSampler.sharingTable(backbone, schedules: schedules)
    }
}
