import Tensors

/// A tensor as a file holds it: a view of a storage with an element type, a shape and strides.
///
/// Opening a file makes these without touching their values; `tensor()` gives the values.
package struct StoredTensor: Sendable {
    /// The name in the file, as written there.
    package let name: String
    package let elementType: ElementType
    /// Sizes of the axes, outermost first; empty for a scalar.
    package let shape: [Int]
    /// Distance between neighbours along each axis, in elements.
    package let strides: [Int]
    /// The storage's element where the view begins.
    package let offset: Int
    package let bytes: StoredBytes
    /// The file it is in, for messages.
    package var file: String { bytes.file.path }
    /// Number of elements.
    package let count: Int

    /// A checked view: every element lies inside `bytes`, and there are no more elements than the
    /// storage has, so that converting never needs more memory than the file justifies.
    ///
    /// Errors: `badTensor`, naming the tensor.
    init(
        name: String, elementType: ElementType, shape: [Int], strides: [Int]? = nil,
        offset: Int = 0, bytes: StoredBytes
    ) throws(CheckpointError) {
        func refusal(_ what: String) -> CheckpointError {
            CheckpointError(
                .badTensor, file: bytes.file.path, tensor: name,
                what + "; the file is damaged, fetch it again")
        }
        guard let count = Self.product(shape) else {
            throw refusal("shape \(shape) is not a possible shape")
        }
        let strides = strides ?? Self.rowMajorStrides(shape)
        guard strides.count == shape.count, strides.allSatisfy({ $0 >= 0 }), offset >= 0 else {
            throw refusal("strides \(strides) and offset \(offset) do not fit shape \(shape)")
        }
        let available = bytes.count / elementType.byteCount
        var last = offset
        if count > 0 {
            for (size, stride) in zip(shape, strides) {
                let (reach, overflow) = (size - 1).multipliedReportingOverflow(by: stride)
                let (sum, carry) = last.addingReportingOverflow(reach)
                guard !overflow, !carry else { throw refusal("strides \(strides) are too large") }
                last = sum
            }
            guard last < available, count <= available else {
                throw refusal(
                    "shape \(shape) of \(elementType.rawValue) needs more than the "
                        + "\(bytes.count) bytes of its storage")
            }
        } else {
            guard offset <= available else { throw refusal("offset \(offset) is out of range") }
        }
        self.name = name
        self.elementType = elementType
        self.shape = shape
        self.strides = strides
        self.offset = offset
        self.bytes = bytes
        self.count = count
    }

    /// The same view under another name.
    init(_ other: StoredTensor, named name: String) {
        self.name = name
        elementType = other.elementType
        shape = other.shape
        strides = other.strides
        offset = other.offset
        bytes = other.bytes
        count = other.count
    }

    /// Whether the elements lie row-major, without gaps.
    package var isContiguous: Bool {
        if count <= 1 { return true }
        var expected = 1
        for (size, stride) in zip(shape, strides).reversed() where size != 1 {
            if stride != expected { return false }
            expected *= size
        }
        return true
    }

    /// The number of elements of `shape`; `nil` when negative, too large, or of too many axes.
    static func product(_ shape: [Int]) -> Int? {
        guard shape.count <= 32 else { return nil }
        var product = 1
        var largest = 1
        for size in shape {
            guard size >= 0 else { return nil }
            // Checked as if no axis were empty, so that strides can't overflow either.
            let (next, overflow) = largest.multipliedReportingOverflow(by: max(size, 1))
            guard !overflow, next <= Int.max / 16 else { return nil }
            largest = next
            product *= size
        }
        return product
    }

    /// Strides of a row-major block of `shape`.
    static func rowMajorStrides(_ shape: [Int]) -> [Int] {
        var strides = [Int](repeating: 1, count: shape.count)
        for axis in stride(from: shape.count - 2, through: 0, by: -1) {
            strides[axis] = strides[axis + 1] * max(shape[axis + 1], 1)
        }
        return strides
    }
}
