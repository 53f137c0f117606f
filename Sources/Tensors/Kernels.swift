import CKernels
import Foundation

/// The instruction-set level in use and its loops.
package enum Kernels {
    /// Instruction-set levels, slowest first.
    package enum Level: String, Sendable, CaseIterable {
        case generic
        case avx2
        case avx512

        fileprivate var code: CKernels_level {
            switch self {
            case .generic: CKernels_generic
            case .avx2: CKernels_avx2
            case .avx512: CKernels_avx512
            }
        }
    }

    /// Levels that this CPU can run, slowest first.
    package static var available: [Level] {
        Level.allCases.filter { $0.code.rawValue <= CKernels_detect().rawValue }
    }

    /// The level in use: `SKALD_CPU` if it names one that this CPU has, else the best.
    package static let level: Level = {
        let best = available.last ?? .generic
        guard let name = ProcessInfo.processInfo.environment["SKALD_CPU"] else { return best }
        return available.first { $0.rawValue == name } ?? best
    }()

    static let loops: CKernels_loops = loops(at: level)

    /// The loops of one level, for tests that compare levels.
    package static func loops(at level: Level) -> CKernels_loops {
        precondition(available.contains(level), "this CPU lacks \(level)")
        return CKernels_get(level.code).pointee
    }
}
