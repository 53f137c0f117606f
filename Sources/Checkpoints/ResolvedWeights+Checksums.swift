import Synchronization
import Tensors

extension ResolvedWeights {
    /// A parameter and the CRC-32 of its values as little-endian float32.
    package struct Checksum: Sendable, Equatable {
        package let name: String
        package let shape: [Int]
        package let value: UInt32
    }

    /// The checksums of all parameters, by name; computed buffers are left out.
    ///
    /// They do not depend on the file's layout. Reads every value once, on all cores; a thread
    /// in the background stands aside for speech. Errors: what reading the values throws.
    package func checksums() throws(CheckpointError) -> [Checksum] {
        let stored = tensors.filter { !Weights.isDerivedBuffer($0.key) }.sorted { $0.key < $1.key }
        let results = Mutex<[Int: Result<UInt32, CheckpointError>]>([:])
        Parallel.run(stored.count) { index in
            let result = Result { () throws(CheckpointError) in
                let tensor = try stored[index].value.tensor()
                defer { tensor.storage.releasePages() }
                return Zlib.checksum(
                    UnsafeRawBufferPointer(start: tensor.base, count: tensor.count * 4))
            }
            results.withLock { $0[index] = result }
        }
        let values = results.withLock { $0 }
        var checksums: [Checksum] = []
        for (index, (name, tensor)) in stored.enumerated() {
            guard let value = values[index] else { continue }
            checksums.append(Checksum(name: name, shape: tensor.shape, value: try value.get()))
        }
        return checksums
    }
}
