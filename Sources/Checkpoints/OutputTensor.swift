import Tensors

/// A tensor to be written: its values are made when its turn comes, so that a file of any size is
/// written with the memory of its largest tensor.
package struct OutputTensor: Sendable {
    package var name: String
    package let elementType: ElementType
    package let shape: [Int]
    private let values: Values

    private enum Values {
        case floats(@Sendable () throws(CheckpointError) -> Tensor)
        case integers([Int64])
    }

    /// Float32 values, rounded to `elementType` (a floating-point type of at most 32 bits) to
    /// nearest, ties to even. `values` gives a tensor of `shape`.
    package init(
        name: String, elementType: ElementType, shape: [Int],
        values: @escaping @Sendable () throws(CheckpointError) -> Tensor
    ) {
        precondition(
            [.float32, .float16, .bfloat16].contains(elementType),
            "OutputTensor: \(elementType) is not written from floats")
        self.name = name
        self.elementType = elementType
        self.shape = shape
        self.values = .floats(values)
    }

    /// A tensor in memory.
    package init(name: String, _ tensor: Tensor, as elementType: ElementType = .float32) {
        self.init(name: name, elementType: elementType, shape: tensor.shape) { tensor }
    }

    /// Whole numbers as `int64` or `bool`.
    package init(name: String, elementType: ElementType, shape: [Int], integers: [Int64]) {
        precondition(
            elementType == .int64 || elementType == .bool,
            "OutputTensor: \(elementType) is not written from integers")
        precondition(integers.count == shape.reduce(1, *), "OutputTensor: \(shape)")
        self.name = name
        self.elementType = elementType
        self.shape = shape
        values = .integers(integers)
    }

    /// Size in the file.
    package var byteCount: Int { shape.reduce(1, *) * elementType.byteCount }

    /// Gives the bytes in order, in pieces of up to a megabyte.
    func write(
        _ sink: (UnsafeRawBufferPointer) throws(CheckpointError) -> Void
    ) throws(CheckpointError) {
        switch values {
        case .integers(let values):
            let bytes = values.flatMap { value -> [UInt8] in
                elementType == .bool
                    ? [value == 0 ? 0 : 1]
                    : (0..<8).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
            }
            try Self.give(bytes, to: sink)
        case .floats(let make):
            let tensor = try make()
            precondition(tensor.shape == shape, "OutputTensor: \(tensor.shape) for \(shape)")
            if elementType == .float32 {
                try sink(UnsafeRawBufferPointer(start: tensor.base, count: tensor.count * 4))
            } else {
                try writeHalves(tensor, sink)
            }
            withExtendedLifetime(tensor) {}
        }
    }

    private func writeHalves(
        _ tensor: Tensor, _ sink: (UnsafeRawBufferPointer) throws(CheckpointError) -> Void
    ) throws(CheckpointError) {
        let source = tensor.base
        let isBrain = elementType == .bfloat16
        let piece = 1 << 19
        let halves = ByteBuffer(count: min(piece, max(tensor.count, 1)) * 2)
        guard let target = halves.mutableBytes.bindMemory(to: UInt16.self).baseAddress else {
            return
        }
        var start = 0
        while start < tensor.count {
            let count = min(piece, tensor.count - start)
            for index in 0..<count {
                let value = source[start + index]
                target[index] = isBrain ? HalfPrecision.brain(value) : HalfPrecision.half(value)
            }
            guard isBrain || !overflows(source + start, target, count: count) else {
                throw CheckpointError(
                    .notFinite, file: "the output", tensor: name,
                    "holds values beyond 65,504, which F16 can't: write bf16 or f32")
            }
            try sink(UnsafeRawBufferPointer(rebasing: halves.bytes[..<(count * 2)]))
            start += count
        }
    }

    /// Whether a finite value became infinite.
    private func overflows(
        _ source: UnsafePointer<Float>, _ halves: UnsafePointer<UInt16>, count: Int
    ) -> Bool {
        for index in 0..<count where halves[index] & 0x7FFF == 0x7C00 && source[index].isFinite {
            return true
        }
        return false
    }

    private static func give(
        _ bytes: [UInt8], to sink: (UnsafeRawBufferPointer) throws(CheckpointError) -> Void
    ) throws(CheckpointError) {
        let buffer = ByteBuffer(count: bytes.count)
        buffer.mutableBytes.copyBytes(from: bytes)
        try sink(buffer.bytes)
    }
}
