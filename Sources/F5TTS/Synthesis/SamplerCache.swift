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
    /// Least recently used first.
    private let samplers = Mutex<[(key: Key, sampler: FlowSampler)]>([])

    init(_ backbone: any Backbone) { self.backbone = backbone }

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
        let sampler = FlowSampler(backbone, schedule: schedule, solver: options.solver)
        samplers.withLock { samplers in
            samplers.removeAll { $0.key == key }
            samplers.append((key, sampler))
            if samplers.count > Self.capacity { samplers.removeFirst() }
        }
        return sampler
    }
}
