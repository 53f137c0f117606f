/// Which clips are trained on and which are held out: a function of what they contain, so that neither
/// their order nor their names change it.
struct ClipSplit {
    /// Those that are trained on and those that are held out, in their order.
    let clips: [PreparedClip]
    /// Indices of those held out.
    let heldOut: Set<Int>

    /// - Parameters:
    ///   - clips: what may be used.
    ///   - validation: clips that are held out, in place of some of `clips`.
    ///   - best: the best reference, which is not held out.
    ///   - count: how many are held out.
    init(_ clips: [PreparedClip], validation: [PreparedClip]?, best: Int?, count: Int) {
        if let validation, !validation.isEmpty {
            // What is asked about must not have been seen.
            let asked = Set(validation.map(\.contentHash))
            let training = clips.filter { !asked.contains($0.contentHash) }
            self.clips = training + validation
            heldOut = Set(training.count..<training.count + validation.count)
            return
        }
        self.clips = clips
        let order = clips.indices.filter { $0 != best }.sorted {
            (clips[$0].contentHash, $0) < (clips[$1].contentHash, $1)
        }
        heldOut = Set(order.prefix(count))
    }
}
