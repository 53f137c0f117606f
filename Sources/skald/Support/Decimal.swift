extension Double {
    /// The number with a fixed count of decimals, rounded to nearest.
    func decimals(_ count: Int) -> String {
        let scale = (0..<count).reduce(1.0) { scale, _ in scale * 10 }
        guard magnitude * scale < 1e15 else { return "\(self)" }
        let digits = String(Int((magnitude * scale).rounded()))
        let padded = String(repeating: "0", count: max(0, count + 1 - digits.count)) + digits
        let sign = self < 0 && Int((magnitude * scale).rounded()) != 0 ? "-" : ""
        guard count > 0 else { return sign + padded }
        return sign + padded.dropLast(count) + "." + padded.suffix(count)
    }
}
