/// Rewrites a checkpoint in another layout, with other weights or another element type.
package enum CheckpointConversion {
    /// Converts `input` to `output` and gives notes for whoever asked.
    ///
    /// `source` chooses EMA or raw weights; `nil` keeps whatever there is (safetensors, which holds
    /// one set, then gets EMA if there is one). `type` is the parameters' new element type; `nil`
    /// keeps theirs. Optimizer and scheduler state, counters of updates and old mel buffers stay
    /// behind. Errors: `CheckpointError`.
    package static func convert(
        _ input: String, to output: String, source: WeightSource?, type: ElementType?,
        layout: CheckpointFile.Layout
    ) throws(CheckpointError) -> [String] {
        let file = try CheckpointFile.open(input)
        let available = EMAResolution.sources(in: file)
        var wanted = [source ?? .auto]
        var notes: [String] = []
        if source == nil, available == [.ema, .raw] {
            if layout == .safetensors {
                notes.append(
                    "safetensors holds one set of weights: EMA is taken, raw stays behind "
                        + "(--weights raw takes those)")
            } else {
                wanted = [.ema, .raw]
            }
        }
        var converted = CheckpointOutput()
        for source in wanted {
            let resolved = try EMAResolution.resolve(file, source: source)
            notes += resolved.notes
            if source == .raw, resolved.source == .ema {
                // Raw weights were asked for: write the copy as such.
                converted.addRaw(resolved, as: type)
            } else {
                converted.add(resolved, as: type)
            }
        }
        try converted.write(to: output, layout: layout)
        return notes
    }
}
