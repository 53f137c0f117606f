/// Writes safetensors files as the `safetensors` package lays them out.
///
/// Wider element types first, then by name, and the header padded to 8 bytes: so every tensor is
/// aligned to its elements and can be used straight from a mapped file.
package enum SafetensorsWriter {
    /// Writes `tensors` to `path`, whole or not at all.
    ///
    /// The data begin at a multiple of `alignment` bytes, itself a multiple of 8. Where `beforeCommit`
    /// throws, there is no file. Errors: `cannotWrite`, and what making a tensor's values throws.
    package static func write(
        _ tensors: [OutputTensor], metadata: [String: String] = [:], alignment: Int = 8,
        to path: String, beforeCommit: () throws(CheckpointError) -> Void = {}
    ) throws(CheckpointError) {
        let ordered = tensors.sorted {
            ($1.elementType.byteCount, $0.name) < ($0.elementType.byteCount, $1.name)
        }
        if let repeated = zip(ordered, ordered.dropFirst()).first(where: { $0.name == $1.name }) {
            throw CheckpointError(
                .doesNotFit, file: path, tensor: repeated.0.name, "would be written twice")
        }
        var members: [String] = []
        if !metadata.isEmpty {
            let pairs = metadata.sorted { $0.key < $1.key }
                .map { "\(quoted($0.key)):\(quoted($0.value))" }
            members.append("\"__metadata__\":{\(pairs.joined(separator: ","))}")
        }
        var offset = 0
        for tensor in ordered {
            let end = offset + tensor.byteCount
            let shape = tensor.shape.map(String.init).joined(separator: ",")
            members.append(
                "\(quoted(tensor.name)):{\"dtype\":\"\(tensor.elementType.rawValue)\","
                    + "\"shape\":[\(shape)],\"data_offsets\":[\(offset),\(end)]}")
            offset = end
        }
        var header = Array("{\(members.joined(separator: ","))}".utf8)
        while (8 + header.count) % alignment != 0 { header.append(UInt8(ascii: " ")) }
        let file = try OutputFile(path)
        try file.write((0..<8).map { UInt8(truncatingIfNeeded: header.count >> ($0 * 8)) })
        try file.write(header)
        for tensor in ordered {
            try tensor.write { bytes throws(CheckpointError) in try file.write(bytes) }
        }
        try beforeCommit()
        try file.commit()
    }

    /// A JSON string.
    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": result += "\\\(scalar)"
            case "\u{0}"..<"\u{20}":
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
