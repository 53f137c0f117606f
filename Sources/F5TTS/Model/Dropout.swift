import Tensors

/// Dropout while training: after each attention's output, and inside each feed-forward.
///
/// The mask of every place is a function of the place alone, so that a block computed twice drops
/// the same elements. Mirrors the `dropout` of `DiTBlock` in `f5_tts/model/modules.py`.
package struct Dropout: Sendable {
    /// Where in a layer.
    package enum Place: Sendable {
        case attention
        case feedForward
    }

    /// Factors of the elements at a place: 0 where dropped, else `1 / (1 - p)`.
    private let mask: @Sendable (_ layer: Int, _ place: Place, _ shape: [Int]) -> Tensor

    package init(mask: @escaping @Sendable (Int, Place, [Int]) -> Tensor) { self.mask = mask }

    /// The dropout of one layer.
    struct Layer {
        fileprivate let dropout: Dropout
        fileprivate let index: Int

        func callAsFunction(_ x: Tensor, _ place: Place) -> Tensor {
            x * dropout.mask(index, place, x.shape)
        }
    }

    func layer(_ index: Int) -> Layer { Layer(dropout: self, index: index) }
}
