/// An immutable, contiguous, row-major block of Float32 with a shape.
package struct Tensor: Sendable {
    /// Sizes of the axes, outermost first.
    package let shape: [Int]
    /// The memory that holds its elements, perhaps among others.
    package let storage: Storage
    /// Index of the first element in `storage`.
    package let offset: Int
    /// How it was made, when a parameter had a part in it.
    let node: Node?

    package init(storage: Storage, offset: Int = 0, shape: [Int]) {
        self.init(storage: storage, offset: offset, shape: shape, node: nil)
    }

    private init(storage: Storage, offset: Int, shape: [Int], node: Node?) {
        let count = shape.reduce(1, *)
        precondition(
            shape.allSatisfy { $0 >= 0 } && offset >= 0 && offset + count <= storage.count,
            "Tensor: shape \(shape) at \(offset) in \(storage.count) elements")
        self.storage = storage
        self.offset = offset
        self.shape = shape
        self.node = node
    }

    /// The same values as a constant: no gradient passes.
    package var withoutNode: Tensor { Tensor(storage: storage, offset: offset, shape: shape) }

    /// The same values made as `node` says.
    func withNode(_ node: Node) -> Tensor {
        Tensor(storage: storage, offset: offset, shape: shape, node: node)
    }

    /// Copies `values`, row-major, into a tensor of `shape`.
    package init(_ values: [Float], shape: [Int]) {
        precondition(
            values.count == shape.reduce(1, *), "Tensor: \(values.count) values for \(shape)")
        self.init(shape: shape) { destination in
            for i in 0..<values.count { destination[i] = values[i] }
        }
    }

    /// Allocates a tensor and lets `fill` write every element before anyone reads it.
    package init(shape: [Int], fill: (UnsafeMutablePointer<Float>) -> Void) {
        let storage = Storage(count: shape.reduce(1, *))
        fill(storage.base)
        self.init(storage: storage, shape: shape)
    }

    /// A tensor of zeros.
    package static func zeros(_ shape: [Int]) -> Tensor {
        Tensor(shape: shape) { $0.initialize(repeating: 0, count: shape.reduce(1, *)) }
    }

    /// Number of elements.
    package var count: Int { shape.reduce(1, *) }
    /// Size of the last axis; 1 for a scalar.
    package var columns: Int { shape.last ?? 1 }
    /// Number of rows when every axis but the last is flattened.
    package var rows: Int { columns == 0 ? 0 : count / columns }
    /// First element. Only of a tensor that has a name: a temporary one is gone before it is read.
    package var base: UnsafePointer<Float> { UnsafePointer(storage.base + offset) }

    /// The elements, row-major.
    package var array: [Float] { Array(UnsafeBufferPointer(start: base, count: count)) }

    /// The same elements with another shape of equal count.
    package func reshaped(_ shape: [Int]) -> Tensor {
        precondition(shape.reduce(1, *) == count, "reshaped: \(self.shape) to \(shape)")
        let original = self.shape
        return Tensor(storage: storage, offset: offset, shape: shape)
            .recorded(from: [self]) { [$0.reshaped(original)] }
    }

    /// A view of `range` along the first axis.
    package subscript(range: Range<Int>) -> Tensor {
        precondition(
            !shape.isEmpty && range.lowerBound >= 0 && range.upperBound <= shape[0],
            "slice \(range) of \(shape)")
        let inner = shape.dropFirst().reduce(1, *)
        let whole = shape
        return Tensor(
            storage: storage, offset: offset + range.lowerBound * inner,
            shape: [range.count] + shape.dropFirst()
        ).recorded(from: [self]) { dy in
            [
                Tensor(shape: whole) { dx in
                    dx.update(repeating: 0, count: whole.reduce(1, *))
                    (dx + range.lowerBound * inner).update(from: dy.base, count: dy.count)
                }
            ]
        }
    }

    /// A view of element `index` of the first axis, without that axis.
    package subscript(index: Int) -> Tensor {
        let view = self[index..<index + 1]
        return view.reshaped(Array(shape.dropFirst()))
    }
}
