/// Why a weights file was refused: which file, which tensor if one is at fault, and what to do.
///
/// Errors: it is the error of this module; nothing else is thrown from here.
package struct CheckpointError: Error, Sendable, CustomStringConvertible {
    /// What kind of refusal, for tests and for callers that decide by it.
    package enum Code: String, Sendable {
        /// The file can't be opened, read or mapped.
        case cannotOpen
        /// Neither safetensors nor a `torch.save` file.
        case notACheckpoint
        /// The file ends before what it announces.
        case truncated
        /// The safetensors header or the zip directory is malformed.
        case badHeader
        /// A tensor's type, shape, strides and bytes do not agree.
        case badTensor
        /// The pickle is malformed or beyond the limits of any real checkpoint.
        case badPickle
        /// The pickle names a global that no weights file needs; nothing was executed.
        case forbiddenGlobal
        /// A valid file that uses something Skald does not read.
        case unsupported
        /// The file asks for more memory than its size justifies.
        case tooLarge
        /// The weights asked for (EMA or raw) are not in the file.
        case noSuchWeights
        /// Names or shapes differ from what the architecture asks for.
        case doesNotFit
        /// A parameter holds NaN or infinity.
        case notFinite
        /// The file was changed or replaced while it was read.
        case changed
        /// The output file can't be written.
        case cannotWrite
    }

    package let code: Code
    /// The file's name as it was given.
    package let file: String
    /// The tensor at fault, if it is one.
    package let tensor: String?
    /// What is wrong and what to do about it.
    package let detail: String

    package init(_ code: Code, file: String, tensor: String? = nil, _ detail: String) {
        self.code = code
        self.file = file
        self.tensor = tensor
        self.detail = detail
    }

    /// The same without the folders that the file is in, for those who must not see them.
    package var withoutFolders: CheckpointError {
        let name = file.utf8.split(separator: UInt8(ascii: "/")).last.map { String(Substring($0)) }
        return CheckpointError(code, file: name ?? file, tensor: tensor, detail)
    }

    package var description: String {
        if let tensor { return "\(file): tensor \"\(tensor)\": \(detail)" }
        return "\(file): \(detail)"
    }
}
