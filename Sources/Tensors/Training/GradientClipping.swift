/// Gradients that are too large are made smaller, all by the same factor.
package enum GradientClipping {
    /// What gradients are multiplied by so that their norm is at most `limit`; a limit of 0 or less leaves
    /// them. Mirrors `clip_grad_norm_` of PyTorch.
    package static func factor(norm: Double, limit: Double) -> Float {
        limit > 0 ? Float(min(1, limit / (norm + 1e-6))) : 1
    }
}
