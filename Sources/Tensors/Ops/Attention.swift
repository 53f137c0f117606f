import CKernels

/// Multi-head softmax attention.
package enum Attention {
    /// Rows of queries whose scores are held at once: `[tile, frames]` floats per thread.
    private static let tile = 64

    /// `softmax(q kᵀ / √width) v`, per sample and head.
    ///
    /// q, k, v: `[samples, frames, heads · width]`, heads side by side in a row; the same shape comes
    /// back. Keys at or after `keyLengths[sample]` get no weight; nil attends to every key.
    /// Mirrors `AttnProcessor` in `f5_tts/model/modules.py`.
    package static func attend(
        queries: Tensor, keys: Tensor, values: Tensor, heads: Int, keyLengths: [Int]?
    ) -> Tensor {
        precondition(
            queries.shape.count == 3 && queries.shape == keys.shape && keys.shape == values.shape
                && queries.columns % heads == 0,
            "attend: q \(queries.shape), k \(keys.shape), v \(values.shape), \(heads) heads")
        let (samples, frames, inner) = (queries.shape[0], queries.shape[1], queries.columns)
        let width = inner / heads
        let scale = 1 / Float(width).squareRoot()
        let tiles = (frames + tile - 1) / tile
        return Tensor(shape: queries.shape) { y in
            Parallel.run(samples * heads * tiles) { index in
                let first = index % tiles * tile
                let head = index / tiles % heads
                let sample = index / tiles / heads
                let height = min(tile, frames - first)
                let attended = max(1, keyLengths?[sample] ?? frames)
                let corner = sample * frames * inner + head * width
                let scores = UnsafeMutablePointer<Float>.allocate(capacity: height * attended)
                defer { scores.deallocate() }
                BLAS.gemm(
                    height, attended, width, queries.base + corner + first * inner, stride: inner,
                    keys.base + corner, stride: inner, transposed: true, scores, stride: attended)
                for row in 0..<height {
                    Kernels.loops.softmax(scores + row * attended, attended, scale)
                }
                BLAS.gemm(
                    height, width, attended, scores, stride: attended,
                    values.base + corner, stride: inner, transposed: false,
                    y + corner + first * inner, stride: inner)
            }
        }
    }
}
