import Foundation

extension Double {
    /// The number for a sentence: as many significant digits as people want to read.
    var shown: String {
        guard isFinite else { return "\(self)" }
        let decimals = magnitude >= 100 ? 0 : magnitude >= 1 ? 1 : magnitude >= 0.1 ? 2 : 4
        let scale = pow(10, Double(decimals))
        let rounded = (self * scale).rounded() / scale
        return rounded == rounded.rounded() && magnitude < 1e15
            ? "\(Int(rounded))" : "\(rounded)"
    }

    /// A share as a percentage.
    var percent: String { (self * 100).shown + " %" }
}
