extension Double {
    /// The nearest number of so many decimals, for logs and reports.
    package func rounded(toPlaces places: Int) -> Double {
        let scale = (0..<places).reduce(1.0) { product, _ in product * 10 }
        return (self * scale).rounded() / scale
    }
}
