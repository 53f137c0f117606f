import Tensors

/// Integrates the flow from noise to mel with classifier-free guidance.
///
/// Everything that depends on weights and schedule alone is tabulated once in `init`, so one
/// sampler serves any number of utterances at the same time. Mirrors `CFM.sample` in
/// `f5_tts/model/cfm.py`.
package struct FlowSampler: Sendable {
    private var backbone: any Backbone
    package let schedule: TimeSchedule
    package let solver: SynthesisOptions.Solver
    private let table: TimeTable
    /// The row of each evaluation of the network, in order.
    private let rows: [Int]

    package init(
        _ backbone: any Backbone, schedule: TimeSchedule, solver: SynthesisOptions.Solver = .euler
    ) {
        let times = Self.times(schedule, solver)
        self.init(
            backbone, schedule: schedule, solver: solver, table: backbone.timeTable(times),
            rows: Array(times.indices))
    }

    private init(
        _ backbone: any Backbone, schedule: TimeSchedule, solver: SynthesisOptions.Solver,
        table: TimeTable, rows: [Int]
    ) {
        self.backbone = backbone
        self.schedule = schedule
        self.solver = solver
        self.table = table
        self.rows = rows
    }

    /// Euler samplers of several schedules with one table between them: they have times in common, and
    /// what costs is to read the weights, not to use them for one time more.
    package static func sharingTable(
        _ backbone: any Backbone, schedules: [TimeSchedule]
    ) -> [FlowSampler] {
        let times = Set(schedules.flatMap { Self.times($0, .euler) }).sorted()
        let table = backbone.timeTable(times)
        return schedules.map { schedule in
            FlowSampler(
                backbone, schedule: schedule, solver: .euler, table: table,
                rows: Self.times(schedule, .euler).compactMap { times.firstIndex(of: $0) })
        }
    }

    /// The time of each evaluation of the network, in order.
    private static func times(
        _ schedule: TimeSchedule, _ solver: SynthesisOptions.Solver
    ) -> [Float] {
        (0..<schedule.count).flatMap { step -> [Float] in
            let (t, next) = (schedule.points[step], schedule.points[step + 1])
            return solver == .euler ? [t] : [t, t + (next - t) / 2]
        }
    }

    /// Bytes of the table, which others may share.
    var tableBytes: Int { table.bytes }

    /// The same for a network that makes the same of the time: the tables are shared.
    func with(_ backbone: any Backbone) -> FlowSampler {
        var sampler = self
        sampler.backbone = backbone
        return sampler
    }

    /// An utterance on its way from noise to mel; `FlowSampler.advance` moves it one step.
    package struct Flow: Sendable {
        /// The state `[samples, frames, mel]` after `step` steps.
        package fileprivate(set) var mel: Tensor
        /// Steps taken.
        package fileprivate(set) var step = 0
        fileprivate let conditioning: Conditioning
        fileprivate let guidance: Float
        /// Text embedding and known mel; with guidance the unconditional ones follow.
        fileprivate let text: Tensor
        fileprivate let known: Tensor
        fileprivate let lengths: [Int]?
        fileprivate let economy: GuidanceEconomy
        /// Conditional less unconditional velocity, as last computed; kept where it is used again.
        fileprivate var difference: Tensor?
    }

    /// Starts an utterance; its text is embedded here, once.
    ///
    /// - Parameters:
    ///   - conditioning: reference, text, durations.
    ///   - noise: `[samples, frames, mel]`.
    ///   - guidance: CFG strength; below 1e-5 only the conditional branch runs.
    ///   - economy: what becomes of the unconditional branch on late steps.
    /// - Returns: the state before the first step.
    package func start(
        _ conditioning: Conditioning, noise: Tensor, guidance: Float,
        economy: GuidanceEconomy = .off
    ) -> Flow {
        precondition(noise.shape == conditioning.known.shape, "start: noise \(noise.shape)")
        func embed(dropped: Bool) -> Tensor {
            backbone.embed(
                conditioning.text, frames: conditioning.frames, lengths: conditioning.lengths,
                dropped: dropped)
        }
        let isGuided = guidance >= 1e-5
        let known = conditioning.known
        return Flow(
            mel: noise, conditioning: conditioning, guidance: isGuided ? guidance : 0,
            text: isGuided
                ? .concatenating([embed(dropped: false), embed(dropped: true)])
                : embed(dropped: false),
            known: isGuided ? .concatenating([known, .zeros(known.shape)]) : known,
            lengths: conditioning.lengths.map { isGuided ? $0 + $0 : $0 }, economy: economy)
    }

    /// Takes one ODE step.
    package func advance(_ flow: inout Flow) {
        precondition(flow.step < schedule.count, "advance: past the last step")
        let step = flow.step
        let dt = schedule.points[step + 1] - schedule.points[step]
        switch solver {
        case .euler:
            let v = velocity(flow.mel, evaluation: step, &flow)
            flow.mel = flow.mel.adding(dt, times: v)
        case .midpoint:
            let v = velocity(flow.mel, evaluation: 2 * step, &flow)
            let middle = flow.mel.adding(dt / 2, times: v)
            let atMiddle = velocity(middle, evaluation: 2 * step + 1, &flow)
            flow.mel = flow.mel.adding(dt, times: atMiddle)
        }
        flow.step += 1
    }

    /// Whether all steps are taken.
    package func isFinished(_ flow: Flow) -> Bool { flow.step == schedule.count }

    /// The sampled mel with the reference copied in.
    package func result(_ flow: Flow) -> Tensor {
        flow.conditioning.restoringReference(in: flow.mel)
    }

    /// `conditional + (conditional - unconditional) · guidance`, both in one packed batch.
    private func velocity(_ x: Tensor, evaluation: Int, _ flow: inout Flow) -> Tensor {
        let samples = x.shape[0]
        let isLate = flow.step >= flow.economy.begin(steps: schedule.count)
        guard flow.guidance > 0, !isLate else {
            let v = backbone.velocity(
                x, condition: flow.known[0..<samples], text: flow.text[0..<samples],
                time: table[rows[evaluation]],
                lengths: flow.lengths.map { Array($0.prefix(samples)) })
            return flow.difference.map { v.adding(flow.guidance, times: $0) } ?? v
        }
        let v = backbone.velocity(
            .concatenating([x, x]), condition: flow.known, text: flow.text,
            time: table[rows[evaluation]], lengths: flow.lengths)
        let conditional = v[0..<samples]
        let difference = conditional.adding(-1, times: v[samples..<2 * samples])
        if flow.economy == .reuse { flow.difference = difference }
        return conditional.adding(flow.guidance, times: difference)
    }
}
