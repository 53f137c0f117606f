import CKernels

/// Moving rows about: joining, looking up, blanking.
extension Tensor {
    /// Joins tensors of equal leading shape along the last axis.
    package static func concatenatingColumns(_ parts: [Tensor]) -> Tensor {
        precondition(
            !parts.isEmpty
                && parts.allSatisfy { $0.shape.dropLast() == parts[0].shape.dropLast() },
            "concatenatingColumns: \(parts.map(\.shape))")
        let columns = parts.reduce(0) { $0 + $1.columns }
        let rows = parts[0].rows
        return Tensor(shape: parts[0].shape.dropLast() + [columns]) { y in
            var start = 0
            for part in parts {
                let (first, base, width) = (start, part.base, part.columns)
                Parallel.ranges(rows, grain: rowGrain) { range in
                    for row in range {
                        (y + row * columns + first).update(from: base + row * width, count: width)
                    }
                }
                start += width
            }
        }.recorded(from: parts) { dy in
            var start = 0
            return parts.map { part in
                defer { start += part.columns }
                return part.isRecorded ? dy.columns(start..<start + part.columns) : nil
            }
        }
    }

    /// Columns `range` of every row.
    package func columns(_ range: Range<Int>) -> Tensor {
        precondition(
            range.lowerBound >= 0 && range.upperBound <= columns, "columns \(range) of \(shape)")
        let (columns, whole) = (columns, shape)
        return Tensor(shape: shape.dropLast() + [range.count]) { y in
            for row in 0..<rows {
                (y + row * range.count).update(
                    from: base + row * columns + range.lowerBound, count: range.count)
            }
        }.recorded(from: [self]) { dy in
            [
                Tensor(shape: whole) { dx in
                    dx.update(repeating: 0, count: whole.reduce(1, *))
                    for row in 0..<dy.rows {
                        (dx + row * columns + range.lowerBound).update(
                            from: dy.base + row * range.count, count: range.count)
                    }
                }
            ]
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
        }.recorded(from: parts) { dy in
            var start = 0
            return parts.map { part in
                defer { start += part.shape[0] }
                return part.isRecorded ? dy[start..<start + part.shape[0]] : nil
            }
        }
    }

    /// Rows `indices` of a table `[entries, columns]`, as `[samples, indices per sample, columns]`.
    ///
    /// A negative index gives a row of zeros.
    package func lookup(_ indices: [[Int]]) -> Tensor {
        let length = indices.first?.count ?? 0
        precondition(
            self.shape.count == 2
                && indices.allSatisfy { $0.count == length && $0.allSatisfy { $0 < shape[0] } },
            "lookup: table \(self.shape)")
        let (columns, table) = (columns, shape)
        let flat = indices.flatMap { $0 }
        return Tensor(shape: [indices.count, length, columns]) { y in
            for (row, index) in flat.enumerated() {
                let out = y + row * columns
                if index >= 0 {
                    out.update(from: base + index * columns, count: columns)
                } else {
                    out.update(repeating: 0, count: columns)
                }
            }
        }.recorded(from: [self]) { dy in
            [
                Tensor(shape: table) { dTable in
                    dTable.update(repeating: 0, count: table[0] * columns)
                    for (row, index) in flat.enumerated() where index >= 0 {
                        let sum = dTable + index * columns
                        Kernels.loops.add(sum, dy.base + row * columns, sum, columns)
                    }
                }
            ]
        }
    }

    /// A copy of `[samples, frames, columns]` with the rows for which `keep` is false set to zero.
    package func keepingRows(_ keep: @escaping (_ sample: Int, _ frame: Int) -> Bool) -> Tensor {
        precondition(self.shape.count == 3, "keepingRows: \(self.shape)")
        let (columns, frames) = (columns, shape[1])
        return mapRows { row, x, y in
            if keep(row / frames, row % frames) {
                y.update(from: x, count: columns)
            } else {
                y.update(repeating: 0, count: columns)
            }
        }.recorded(from: [self]) { [$0.keepingRows(keep)] }
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
        let (given, columns) = (shape[1], columns)
        if frames == given { return self }
        let kept = min(frames, given) * columns
        return Tensor(shape: [shape[0], frames, columns]) { y in
            y.update(repeating: 0, count: shape[0] * frames * columns)
            for sample in 0..<shape[0] {
                (y + sample * frames * columns).update(
                    from: base + sample * given * columns, count: kept)
            }
        }.recorded(from: [self]) { [$0.resized(frames: given)] }
    }
}
