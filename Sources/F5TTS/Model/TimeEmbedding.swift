import Checkpoints
import Foundation
import Tensors

/// The flow time as a vector: sinusoids, then a two-layer perceptron.  `[times]` -> `[times, dim]`
///
/// Mirrors `TimestepEmbedding` in `f5_tts/model/modules.py`.
struct TimeEmbedding: Sendable {
    static let sinusoids = 256
    private let inner: Linear
    private let outer: Linear

    init(_ w: Weights, dim: Int) {
        inner = Linear(w.at("time_mlp.0"), Self.sinusoids, dim)
        outer = Linear(w.at("time_mlp.2"), dim, dim)
    }

    func callAsFunction(_ times: [Float]) -> Tensor {
        outer(inner(Self.sinusoids(times), activation: .silu))
    }

    /// `[sin(1000 t e_k), cos(1000 t e_k)]`, `e_k = exp(-k ln(10000) / 127)`, sines first.
    static func sinusoids(_ times: [Float]) -> Tensor {
        let half = sinusoids / 2
        let rate = Float(-log(10000) / Double(half - 1))
        // The reference multiplies in float32; the angle reaches 1000 rad, so that shows.
        let frequencies = (0..<half).map { Float(exp(Double(Float($0) * rate))) }
        return Tensor(shape: [times.count, sinusoids]) { y in
            for (row, time) in times.enumerated() {
                for k in 0..<half {
                    let angle = Double(1000 * time * frequencies[k])
                    y[row * sinusoids + k] = Float(sin(angle))
                    y[row * sinusoids + half + k] = Float(cos(angle))
                }
            }
        }
    }
}
