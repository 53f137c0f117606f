import Checkpoints

extension ModelInspection {
    /// The findings as lines of a label and a text.
    package var report: [(label: String, text: String)] {
        var lines: [(label: String, text: String)] = [("file", path)]
        lines.append(("layout", "\(layout.label), \(Self.grouped(byteCount)) bytes"))
        if !keys.isEmpty {
            let rest = keys.count > 8 ? " and \(keys.count - 8) more" : ""
            lines.append(("keys", keys.prefix(8).joined(separator: ", ") + rest))
        }
        for set in sets {
            let types = set.elementTypes.map(\.rawValue).joined(separator: ", ")
            lines.append(
                (
                    set.source.rawValue,
                    "\(set.tensorCount) tensors, \(Self.grouped(set.parameterCount)) parameters, "
                        + types
                ))
            if let first = set.notFinite.first {
                let rest = set.notFinite.count > 1 ? " and \(set.notFinite.count - 1) more" : ""
                lines.append(
                    ("values", "NaN or infinity in \(first)\(rest): do not use these weights"))
            }
        }
        if isFinite { lines.append(("values", "all finite")) }
        if let emaStep { lines.append(("EMA step", Self.grouped(emaStep))) }
        if let update { lines.append(("update", Self.grouped(update))) }
        switch proof {
        case .success(let proof): lines += architecture(proof)
        case .failure(let error): lines.append(("architecture", error.detail))
        }
        if !contradictions.isEmpty {
            lines.append(("contradicts", contradictions.joined(separator: "; ")))
        }
        return lines
    }

    private func architecture(_ proof: ArchitectureProof) -> [(label: String, text: String)] {
        var sizes = "dim \(proof.dim), depth \(proof.depth), "
        if let width = proof.headWidth, proof.attentionWidth % width == 0 {
            sizes += "\(proof.attentionWidth / width) heads of \(width), "
        } else {
            sizes += "attention \(proof.attentionWidth) wide, "
        }
        sizes += "ff_mult \(proof.feedForwardFactor), text_dim \(proof.textDim), "
        sizes += "\(proof.convLayers) text blocks, \(proof.melChannels) mel channels"
        var options: [String] = []
        if proof.qkNorm { options.append("qk_norm rms_norm") }
        if proof.longSkip { options.append("long_skip_connection") }
        if proof.family == .unetT {
            options.append(
                proof.concatenatesSkips ? "skips concatenated" : "skips added or none")
        }
        return [
            ("backbone", proof.family.rawValue),
            ("sizes", sizes),
            (
                "options",
                options.isEmpty ? "none that tensors show" : options.joined(separator: ", ")
            ),
            (
                "vocabulary",
                "\(Self.grouped(proof.vocabularySize)) tokens (\(Self.grouped(proof.textRows)) rows)"
            ),
            (
                "version",
                version.map { "\($0.name), says \($0.origin)" }
                    ?? "undetermined: tensors do not tell v0 from v1; speak and serve will ask for "
                    + "--arch v0|v1 or a config.yaml beside the weights"
            ),
        ]
    }

    /// A number with commas at the thousands.
    private static func grouped(_ number: Int) -> String {
        var digits = String(abs(number))
        var groups: [String] = []
        while digits.count > 3 {
            groups.insert(String(digits.suffix(3)), at: 0)
            digits.removeLast(3)
        }
        return (number < 0 ? "-" : "") + ([digits] + groups).joined(separator: ",")
    }
}
