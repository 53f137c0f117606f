/// Why a model can't be used: which file or folder, and what to do.
///
/// Meant for whoever runs the program: the texts name paths and never go to a client.
package struct ModelError: Error, Sendable, CustomStringConvertible {
    /// What kind of refusal.
    package enum Code: String, Sendable {
        /// There is no such model, or its folder lacks weights.
        case notFound
        /// A part of the model is missing: vocabulary or vocoder.
        case missingPart
        /// `config.yaml` is malformed, out of bounds, or describes something not supported.
        case badConfiguration
        /// The tensors are not those of an F5-TTS or E2 TTS model.
        case notAModel
        /// The weights contradict the configuration.
        case wrongArchitecture
        /// Nothing says whether the weights are v0 or v1.
        case undeterminedVersion
        /// The vocabulary has another number of tokens than the weights.
        case wrongVocabulary
    }

    package let code: Code
    /// The file, folder or name at fault.
    package let subject: String
    /// What is wrong and what to do about it.
    package let detail: String

    package init(_ code: Code, _ subject: String, _ detail: String) {
        self.code = code
        self.subject = subject
        self.detail = detail
    }

    package var description: String { "\(subject): \(detail)" }
}
