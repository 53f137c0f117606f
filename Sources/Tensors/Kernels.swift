import CKernels
import Foundation

/// The instruction-set level in use and its loops.
package enum Kernels {
    /// Instruction-set levels, slowest first.
    package enum Level: String, Sendable, CaseIterable, Comparable {
        case generic
        case avx2
        case avx512
        /// AVX-512 with dot products of bf16 and int8.
        case avx512Dot = "avx512_dot"
        case amx

        /// Whether `a` is the slower one.
        package static func < (a: Level, b: Level) -> Bool { a.code.rawValue < b.code.rawValue }

        fileprivate var code: CKernels_level {
            switch self {
            case .generic: CKernels_generic
            case .avx2: CKernels_avx2
            case .avx512: CKernels_avx512
            case .avx512Dot: CKernels_avx512_dot
            case .amx: CKernels_amx
            }
        }
    }

    /// Levels that this CPU can run, slowest first.
    package static var available: [Level] {
        Level.allCases.filter { $0.code.rawValue <= best.rawValue }
    }

    private static let best = CKernels_detect()

    /// Whether this CPU has AMX tiles that fault or compute wrongly, and are not used for it.
    package static var tilesFail: Bool { !available.isEmpty && CKernels_tiles_fail() != 0 }

    /// What `SKALD_CPU` says, if anything.
    private static let asked = ProcessInfo.processInfo.environment["SKALD_CPU"].flatMap {
        $0.isEmpty ? nil : $0
    }

    /// What `SKALD_CPU` says where that is no level that this CPU has; else nil.
    package static let missingLevel: String? =
        available.contains { $0.rawValue == asked } ? nil : asked

    /// The level in use: `SKALD_CPU` if it names one that this CPU has, else the best.
    package static let level: Level =
        available.first { $0.rawValue == asked } ?? available.last ?? .generic

    static let loops: CKernels_loops = loops(at: level)
    static let matrix: CKernels_matrix = matrix(at: level)

    /// The loops of one level, for tests that compare levels.
    package static func loops(at level: Level) -> CKernels_loops {
        precondition(available.contains(level), "this CPU lacks \(level)")
        return CKernels_get(level.code).pointee
    }

    /// The matrix products of one level, likewise.
    package static func matrix(at level: Level) -> CKernels_matrix {
        precondition(available.contains(level), "this CPU lacks \(level)")
        return CKernels_get_matrix(level.code).pointee
    }
}
