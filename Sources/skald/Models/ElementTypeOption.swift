import ArgumentParser
import Checkpoints

/// The element types that parameters are written in.
enum ElementTypeOption: String, ExpressibleByArgument, CaseIterable {
    case f32
    case f16
    case bf16

    var type: ElementType {
        switch self {
        case .f32: .float32
        case .f16: .float16
        case .bf16: .bfloat16
        }
    }
}
