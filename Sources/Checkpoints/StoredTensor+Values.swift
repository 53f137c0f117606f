import Tensors

extension StoredTensor {
    /// The values as Float32, row-major.
    ///
    /// Looks straight at the file when it holds contiguous, 4-byte aligned F32; else converts.
    /// Errors: `badHeader` when compressed data is damaged.
    package func tensor() throws(CheckpointError) -> Tensor {
        let (raw, owner) = try bytes.read()
        if count == 0 { return Tensor(storage: Storage(count: 0), shape: shape) }
        guard let base = raw.baseAddress?.advanced(by: offset * elementType.byteCount) else {
            throw CheckpointError(.badTensor, file: file, tensor: name, "has no bytes")
        }
        if elementType == .float32, isContiguous, UInt(bitPattern: base) % 4 == 0 {
            let floats = base.assumingMemoryBound(to: Float.self)
            return Tensor(
                storage: Storage(borrowing: floats, count: count, owner: owner), shape: shape)
        }
        return withExtendedLifetime(owner) {
            Tensor(shape: shape) { gather(base, into: $0) }
        }
    }

    /// The values of an integer or boolean tensor, row-major.
    ///
    /// Errors: `badTensor` when the type has a fraction.
    package func integers() throws(CheckpointError) -> [Int64] {
        guard !elementType.isFloatingPoint else {
            throw CheckpointError(
                .badTensor, file: file, tensor: name,
                "holds \(elementType.rawValue) where integers are needed; fetch the file again")
        }
        let (raw, owner) = try bytes.read()
        guard count > 0, let base = raw.baseAddress?.advanced(by: offset * elementType.byteCount)
        else { return [] }
        return withExtendedLifetime(owner) {
            [Int64](unsafeUninitializedCapacity: count) { buffer, used in
                if let target = buffer.baseAddress { gather(base, into: target) }
                used = count
            }
        }
    }

    private func gather(_ base: UnsafeRawPointer, into target: UnsafeMutablePointer<Float>) {
        switch elementType {
        case .float64: visit(base, Double.self) { target[$0] = Float($1) }
        case .float32: visit(base, UInt32.self) { target[$0] = Float(bitPattern: $1) }
        case .float16: visit(base, UInt16.self) { target[$0] = HalfPrecision.float(half: $1) }
        case .bfloat16: visit(base, UInt16.self) { target[$0] = HalfPrecision.float(brain: $1) }
        case .int64: visit(base, Int64.self) { target[$0] = Float($1) }
        case .int32: visit(base, Int32.self) { target[$0] = Float($1) }
        case .int16: visit(base, Int16.self) { target[$0] = Float($1) }
        case .int8: visit(base, Int8.self) { target[$0] = Float($1) }
        case .uint64: visit(base, UInt64.self) { target[$0] = Float($1) }
        case .uint32: visit(base, UInt32.self) { target[$0] = Float($1) }
        case .uint16: visit(base, UInt16.self) { target[$0] = Float($1) }
        case .uint8: visit(base, UInt8.self) { target[$0] = Float($1) }
        case .bool: visit(base, UInt8.self) { target[$0] = $1 == 0 ? 0 : 1 }
        }
    }

    private func gather(_ base: UnsafeRawPointer, into target: UnsafeMutablePointer<Int64>) {
        switch elementType {
        case .int64, .uint64: visit(base, Int64.self) { target[$0] = $1 }
        case .int32: visit(base, Int32.self) { target[$0] = Int64($1) }
        case .uint32: visit(base, UInt32.self) { target[$0] = Int64($1) }
        case .int16: visit(base, Int16.self) { target[$0] = Int64($1) }
        case .uint16: visit(base, UInt16.self) { target[$0] = Int64($1) }
        case .int8: visit(base, Int8.self) { target[$0] = Int64($1) }
        case .uint8: visit(base, UInt8.self) { target[$0] = Int64($1) }
        case .bool: visit(base, UInt8.self) { target[$0] = $1 == 0 ? 0 : 1 }
        case .float64, .float32, .float16, .bfloat16: break
        }
    }

    /// Gives every element to `body` with its row-major index.
    @inline(__always)
    private func visit<T: BitwiseCopyable>(
        _ base: UnsafeRawPointer, _: T.Type, _ body: (Int, T) -> Void
    ) {
        let size = MemoryLayout<T>.size
        if isContiguous {
            for index in 0..<count {
                body(index, base.loadUnaligned(fromByteOffset: index * size, as: T.self))
            }
            return
        }
        let columns = shape.last ?? 1
        let step = (strides.last ?? 1) * size
        var position = [Int](repeating: 0, count: shape.count)
        var index = 0
        while index < count {
            var row = 0
            for axis in 0..<shape.count - 1 { row += position[axis] * strides[axis] }
            let start = base + row * size
            for column in 0..<columns {
                body(index, start.loadUnaligned(fromByteOffset: column * step, as: T.self))
                index += 1
            }
            for axis in stride(from: shape.count - 2, through: 0, by: -1) {
                position[axis] += 1
                if position[axis] < shape[axis] { break }
                position[axis] = 0
            }
        }
    }
}
