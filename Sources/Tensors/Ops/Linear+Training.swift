import CKernels

/// Training: weights, gradients and sums are float32; products have operands of type `Element`, packed, and
/// rounded where it is bfloat16, anew after each update.
extension Linear {
    /// `x Wᵀ + bias`, then `activation`, which must be nil where anything is recorded.
    func trained<Element: OperandElement>(
        _: Element.Type, _ input: LinearInput, _ weight: Tensor, _ activation: Activation?
    ) -> Tensor {
        let x = input.wholeValues
        let y =
            input.rows == nil
            ? fewRows(Element.self, x, weight, activation)
            : multiplied(
                input,
                PackedMatrix(
                    Element.precision, inputs: inputs, outputs: outputs,
                    panels: weight.panels(Element.self, isTransposed: true).storage, columns: nil),
                activation)
        let packed = input.panels as? Panels<Element>
        // Of the values the gradient needs nothing, if it has their panels.
        let kept = packed == nil ? x.withoutNode : nil
        let (needsInput, shape) = (x.isRecorded, x.shape)
        return y.recorded(from: [x, weight] + (bias.map { [$0] } ?? [])) { [bias] dy in
            let left =
                needsInput && weight.isRecorded && dy.rows > Self.few
                ? OperandRows<Element>.withTranspose(dy) : nil
            let dx = left.map {
                Self.product(
                    $0.rows, weight.panels(Element.self, isTransposed: false), shape: shape)
            }
            return [
                dx
                    ?? (needsInput
                        ? Self.multiplied(Element.self, dy, by: weight, shape: shape) : nil),
                weight.gradient { sum, adding in
                    let right = packed ?? kept.map { .packing($0) }
                    let columns = left?.columns ?? .transposing(dy)
                    right.map { Self.product(columns, $0, into: sum, adding: adding) }
                },
            ] + (bias.map { [$0.isRecorded ? dy.columnSums() : nil] } ?? [])
        }
    }

    /// `dy W`: the gradient of x.
    static func multiplied<Element: OperandElement>(
        _: Element.Type, _ dy: Tensor, by weight: Tensor, shape: [Int]
    ) -> Tensor {
        dy.rows <= few
            ? fewRows(dy, by: weight, shape: shape)
            : product(
                Element.rows(of: dy), weight.panels(Element.self, isTransposed: false),
                shape: shape)
    }

    /// `a b`, in blocks on all threads.
    static func product<Element>(
        _ a: OperandRows<Element>, _ b: Panels<Element>, shape: [Int]
    ) -> Tensor {
        Tensor(shape: shape) { product(a, b, into: $0) }
    }

    /// The same, written to `c` or added to what is there.
    static func product<Element>(
        _ a: OperandRows<Element>, _ b: Panels<Element>, into c: UnsafeMutablePointer<Float>,
        adding: Bool = false
    ) {
        ProductBlocks.run(a.rows, b.columns) { rows, columns in
            b.product(
                a, rows: rows, columns: columns,
                into: c + rows.lowerBound * b.columns + columns.lowerBound, stride: b.columns,
                accumulating: adding)
        }
    }
}

/// What modulations are computed of: a row for each sample. Packing the matrix would take longer than
/// multiplying it, so its rows are taken as they lie, rounded like all others of the format.
extension Linear {
    /// Rows of x that are few: one panel has them all.
    static let few = CKernels_panel

    private func fewRows<Element: OperandElement>(
        _: Element.Type, _ x: Tensor, _ weight: Tensor, _ activation: Activation?
    ) -> Tensor {
        let (rows, inputs, outputs) = (x.rows, inputs, outputs)
        // yᵀ = W xᵀ
        let right = Panels<Element>(
            transposed: x.base, stride: inputs, depth: inputs, columns: rows)
        let addition = lowRank.map { LowRankAddition($0, x) }
        let y = Tensor(shape: x.shape.dropLast() + [outputs]) { y in
            Parallel.ranges(outputs, grain: 96) { range in
                let room = OperandRows<Element>.count(rows: range.count, depth: inputs)
                withScratch(room + range.count * rows) { lent in
                    let columns = lent + room
                    right.product(
                        OperandRows(
                            weight.base + range.lowerBound * inputs, stride: inputs,
                            rows: range.count, depth: inputs, in: lent),
                        into: columns, stride: rows)
                    for (index, output) in range.enumerated() {
                        let bias = bias.map { $0.base[output] } ?? 0
                        for row in 0..<rows {
                            y[row * outputs + output] = columns[index * rows + row] + bias
                        }
                    }
                }
            }
            addition?.add(0..<rows, 0..<outputs, to: y, stride: outputs)
        }
        return activation?(y) ?? y
    }

    private static func fewRows(_ dy: Tensor, by weight: Tensor, shape: [Int]) -> Tensor {
        let (outputs, inputs) = (weight.shape[0], weight.shape[1])
        return Tensor(shape: shape) { dx in
            dx.update(repeating: 0, count: dy.rows * inputs)
            Parallel.ranges(inputs, grain: 256) { range in
                for output in 0..<outputs {
                    let values = weight.base + output * inputs + range.lowerBound
                    for row in 0..<dy.rows {
                        let sum = dx + row * inputs + range.lowerBound
                        Kernels.loops.add_scaled(
                            sum, dy.base[row * outputs + output], values, sum, range.count)
                    }
                }
            }
        }
    }
}
