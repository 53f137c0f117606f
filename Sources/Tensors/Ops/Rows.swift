/// Moving rows about: joining, looking up, blanking.
extension Tensor {
    /// Joins tensors of equal leading shape along the last axis.
    package static func concatenatingColumns(_ parts: [Tensor]) -> Tensor {
        precondition(
            !parts.isEmpty && parts.allSatisfy { $0.shape.dropLast() == parts[0].shape.dropLast() },
            "concatenatingColumns: \(parts.map(\.shape))")
        let columns = parts.reduce(0) { $0 + $1.columns }
        let rows = parts[0].rows
        return Tensor(shape: parts[0].shape.dropLast() + [columns]) { y in
            Parallel.ranges(rows, grain: rowGrain) { range in
                for row in range {
                    var out = y + row * columns
                    for part in parts {
                        out.update(from: part.base + row * part.columns, count: part.columns)
                        out += part.columns
                    }
                }
            }
        }
    }

    /// Joins tensors of equal trailing shape along the first axis.
    package static func concatenating(_ parts: [Tensor]) -> Tensor {
        precondition(
            !parts.isEmpty
                && parts.allSatisfy { $0.shape.dropFirst() == parts[0].shape.dropFirst() },
            "concatenating: \(parts.map(\.shape))")
        let leading = parts.reduce(0) { $0 + $1.shape[0] }
        return Tensor(shape: [leading] + parts[0].shape.dropFirst()) { y in
            var out = y
            for part in parts {
                out.update(from: part.base, count: part.count)
                out += part.count
            }
        }
    }

    /// Rows `indices` of a table `[entries, columns]`, shaped `[samples, indices per sample, columns]`.
    package func lookup(_ indices: [[Int]]) -> Tensor {
        let length = indices.first?.count ?? 0
        precondition(
            self.shape.count == 2
                && indices.allSatisfy { $0.count == length && $0.allSatisfy { $0 < self.shape[0] } },
            "lookup: table \(self.shape)")
        return Tensor(shape: [indices.count, length, columns]) { y in
            for (sample, row) in indices.enumerated() {
                for (i, index) in row.enumerated() {
                    let out = y + (sample * length + i) * columns
                    out.update(from: base + index * columns, count: columns)
                }
            }
        }
    }

    /// A copy of `[samples, frames, columns]` with the rows for which `keep` is false set to zero.
    package func keepingRows(_ keep: (_ sample: Int, _ frame: Int) -> Bool) -> Tensor {
        precondition(self.shape.count == 3, "keepingRows: \(self.shape)")
        let columns = columns
        return Tensor(shape: self.shape) { y in
            for row in 0..<rows {
                let out = y + row * columns
                if keep(row / self.shape[1], row % self.shape[1]) {
                    out.update(from: base + row * columns, count: columns)
                } else {
                    out.update(repeating: 0, count: columns)
                }
            }
        }
    }

    /// A copy of `[samples, frames, columns]` with frames at or after `lengths[sample]` set to
    /// zero; `self` when `lengths` is nil.
    package func masked(_ lengths: [Int]?) -> Tensor {
        guard let lengths else { return self }
        return keepingRows { sample, frame in frame < lengths[sample] }
    }

    /// `[samples, frames, columns]` cut or zero-padded to `frames` frames.
    package func resized(frames: Int) -> Tensor {
        precondition(self.shape.count == 3, "resized: \(self.shape)")
        if frames == self.shape[1] { return self }
        let kept = min(frames, self.shape[1]) * columns
        return Tensor(shape: [self.shape[0], frames, columns]) { y in
            y.update(repeating: 0, count: self.shape[0] * frames * columns)
            for sample in 0..<self.shape[0] {
                let out = y + sample * frames * columns
                out.update(from: base + sample * self.shape[1] * columns, count: kept)
            }
        }
    }
}
