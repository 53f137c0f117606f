import Synchronization

/// The time tables of the schedules used last, so that a request pays for AdaLN only once.
///
/// Holds at most `capacity` samplers; the one unused for longest goes first.
final class SamplerCache: Sendable {
    private struct Key: Hashable {
        let schedule: TimeSchedule
        let solver: SynthesisOptions.Solver
    }

    private static let capacity = 8
    private let backbone: any Backbone
    /// Samplers of a model that treats time alike.
    private let sharing: SamplerCache?
    /// Least recently used first.
    private let samplers = Mutex<[(key: Key, sampler: FlowSampler)]>([])

    /// - Parameters:
    ///   - backbone: the network.
    ///   - sharing: the samplers of a network that makes the same of the time, as an adapter's base
    ///     does: its tables are used.
    init(_ backbone: any Backbone, sharing: SamplerCache? = nil) {
        self.backbone = backbone
        self.sharing = sharing
    }

    func sampler(_ options: SynthesisOptions) -> FlowSampler {
        let schedule = TimeSchedule(steps: options.nfe, sway: options.sway)
        let key = Key(schedule: schedule, solver: options.solver)
        let found: FlowSampler? = samplers.withLock { samplers in
            guard let index = samplers.firstIndex(where: { $0.key == key }) else { return nil }
            let entry = samplers.remove(at: index)
            samplers.append(entry)
            return entry.sampler
        }
        if let found { return found }
        let sampler =
            sharing.map { $0.sampler(options).with(backbone) }
            ?? FlowSampler(backbone, schedule: schedule, solver: options.solver)
        samplers.withLock { samplers in
            samplers.removeAll { $0.key == key }
            samplers.append((key, sampler))
            if samplers.count > Self.capacity { samplers.removeFirst() }
        }
        return sampler
    }
}
