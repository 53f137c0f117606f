import CKernels

/// What linear layers multiply: values, and the forms of them that products and gradients take.
///
/// Layers that take the same values share one.
package struct LinearInput {
    let shape: [Int]
    /// Nil where only the rounded form was made.
    let values: Tensor?
    /// The left operand of the layers' products; nil where they take the values themselves.
    let rows: PackedRows?
    /// The right operand of the products that are the gradients of the layers' matrices; nil where it is
    /// packed when it is needed.
    let panels: BFloat16Panels?

    /// Number of rows when every axis but the last is flattened.
    var rowCount: Int { shape.dropLast().reduce(1, *) }

    /// Whether a parameter had a part in the values.
    var isRecorded: Bool { values?.isRecorded ?? false }

    /// The values, for a layer that cannot do with their rounded form.
    var wholeValues: Tensor {
        guard let values else { preconditionFailure("Linear: only a rounded form was made") }
        return values
    }
}

extension Linear {
    /// `x` for this layer, and for others of the same inputs and format.
    package func input(_ x: Tensor) -> LinearInput {
        precondition(x.columns == inputs, "Linear: x \(x.shape), \(inputs) inputs")
        switch matrix {
        case .packed(let packed):
            precondition(!x.isRecorded, "Linear: packed weights are not for training")
            return LinearInput(x, rows: PackedRows(x, packed.format))
        case .frozen(let frozen):
            return LinearInput(x, rows: PackedRows(x, frozen.forward.format))
        case .master(let weight, let precision):
            guard x.rows > Self.few else { return LinearInput(x) }
            guard weight.isRecorded && precision != .f32 else {
                return LinearInput(x, rows: PackedRows(x, precision == .f32 ? .f32 : .bf16))
            }
            // Both while x is in the cache; the panels are half as large as what they are kept for.
            let panels = BFloat16Panels(depth: x.rows, columns: x.columns)
            let rows = BFloat16.rows(of: x) { panels.pack($0, of: x) }
            return LinearInput(x, rows: .bf16(rows), panels: panels)
        }
    }
}

extension LinearInput {
    fileprivate init(_ x: Tensor, rows: PackedRows? = nil, panels: BFloat16Panels? = nil) {
        self.init(shape: x.shape, values: x, rows: rows, panels: panels)
    }
}
