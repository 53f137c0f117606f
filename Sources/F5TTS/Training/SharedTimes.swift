import Tensors

/// The flow times of several samples of an update, embedded at once.
///
/// What a backbone makes of the time alone takes 41 % of the weights of the released models, for one row a
/// sample: sample by sample those weights would be read, and their gradients added to, as often as there are
/// samples.
struct SharedTimes {
    /// Samples at once: more rows than this are no cheaper together.
    static let most = 16

    private let table: TimeTable
    private let samples: Int
    /// Of each layer, the gradients of the samples' rows.
    private let gradients: GradientSum

    /// Embeds the times with a backbone whose parameters are recorded or not.
    init(_ backbone: any Backbone, _ times: [Float]) {
        precondition(times.count <= Self.most, "SharedTimes: \(times.count) times")
        table = backbone.timeTable(times)
        samples = times.count
        gradients = GradientSum(
            layout: table.layers.flatMap { layer in
                times.indices.map { ("sample \($0)", [1, layer.columns]) }
            })
    }

    /// What the backbone needs of one sample's time; its gradients stop here.
    subscript(sample: Int) -> TimeTable {
        TimeTable(
            layers: table.layers.enumerated().map { index, layer in
                let row = layer.withoutNode[sample..<sample + 1]
                return layer.isRecorded
                    ? row.asParameter(summedBy: gradients, at: index * samples + sample) : row
            })
    }

    /// Carries the gradients of all samples, whose losses have added theirs, on to the parameters.
    func addGradients() {
        let found = gradients.finish()
        Tensor.addGradients(
            table.layers.indices.map { index in
                .concatenating((0..<samples).map { found[index * samples + $0] })
            }, of: table.layers)
    }
}
