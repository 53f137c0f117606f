import CKernels
import Foundation
import Synchronization

/// Rotary position embedding with interleaved pairs.
///
/// Angle of pair k at position p is `p · 10000^(-2k / width)`;
/// `(x0, x1) -> (x0 cos - x1 sin, x1 cos + x0 sin)`. Mirrors `RotaryEmbedding` of x-transformers.
package struct RotaryTable: Sendable {
    /// `[positions, width / 2]`.
    package let cosines: Tensor
    /// `[positions, width / 2]`.
    package let sines: Tensor
    /// The same turned the other way.
    private let opposites: Tensor
    /// Width of one head.
    package let width: Int

    /// Tables made so far, one for each width: they are constants, and cost a millisecond to make.
    private static let known = Mutex<[Int: RotaryTable]>([:])

    /// A table of at least `positions` positions, made once for all networks and utterances.
    package static func shared(positions: Int, width: Int) -> RotaryTable {
        known.withLock { known in
            if let table = known[width], table.cosines.shape[0] >= positions { return table }
            var length = 1024
            while length < positions { length *= 2 }
            let table = RotaryTable(positions: length, width: width)
            known[width] = table
            return table
        }
    }

    package init(positions: Int, width: Int) {
        precondition(width % 2 == 0 && positions >= 0, "RotaryTable: width \(width)")
        let pairs = width / 2
        // Float32 throughout, as the reference computes it: the rounded frequency times the position.
        let frequencies = (0..<pairs).map {
            Float(1 / pow(10000, Double(2 * $0) / Double(width)))
        }
        func table(_ function: (Float) -> Float) -> Tensor {
            Tensor(shape: [positions, pairs]) { y in
                for position in 0..<positions {
                    for pair in 0..<pairs {
                        y[position * pairs + pair] = function(Float(position) * frequencies[pair])
                    }
                }
            }
        }
        cosines = table { Float(cos(Double($0))) }
        sines = table { Float(sin(Double($0))) }
        opposites = Tensor.zeros(sines.shape).adding(-1, times: sines)
        self.width = width
    }

    /// Rotates the first `rotated` of `heads` heads of x `[samples, frames, heads · width]`.
    package func rotate(_ x: Tensor, heads: Int, rotated: Int) -> Tensor {
        precondition(
            x.shape.count == 3 && x.columns == heads * width && x.shape[1] <= cosines.shape[0]
                && rotated <= heads,
            "rotate: x \(x.shape), \(heads) heads of \(width), table \(cosines.shape)")
        return turned(x, sines, heads: heads, rotated: rotated).recorded(from: [x]) { dy in
            // A rotation's transpose turns the other way.
            [turned(dy, opposites, heads: heads, rotated: rotated)]
        }
    }

    /// Turns `heads` heads of one row, side by side, as their position says.
    func rotate(
        _ x: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>, position: Int, heads: Int
    ) {
        turn(x, into: y, sines, position: position, heads: heads)
    }

    private func turn(
        _ x: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>, _ sines: Tensor,
        position: Int, heads: Int
    ) {
        let angle = position * (width / 2)
        for head in 0..<heads {
            Kernels.loops.rotate(
                x + head * width, cosines.base + angle, sines.base + angle, y + head * width,
                width / 2)
        }
    }

    private func turned(_ x: Tensor, _ sines: Tensor, heads: Int, rotated: Int) -> Tensor {
        let frames = x.shape[1]
        return x.mapRows { row, input, output in
            turn(input, into: output, sines, position: row % frames, heads: rotated)
            let rest = rotated * width
            (output + rest).update(from: input + rest, count: (heads - rotated) * width)
        }
    }
}
