import Tensors

/// Dropout while training: after each attention's output, and inside each feed-forward.
///
/// What is dropped at a place is a function of the place alone, so that a block computed twice drops the
/// same elements. Mirrors the `dropout` of `DiTBlock` in `f5_tts/model/modules.py`.
package struct Dropout: Sendable {
    /// Where in a layer.
    package enum Place: Sendable {
        case attention
        case feedForward
    }

    /// Blanks elements at a place and scales the others by `1 / (1 - p)`.
    private let drop: @Sendable (_ layer: Int, _ place: Place, _ x: Tensor) -> Tensor

    package init(drop: @escaping @Sendable (Int, Place, Tensor) -> Tensor) { self.drop = drop }

    /// The dropout of one layer.
    struct Layer {
        fileprivate let dropout: Dropout
        fileprivate let index: Int

        func callAsFunction(_ x: Tensor, _ place: Place) -> Tensor {
            dropout.drop(index, place, x)
        }
    }

    func layer(_ index: Int) -> Layer { Layer(dropout: self, index: index) }
}
