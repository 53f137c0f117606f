extension Double {
    /// The number as seconds in the units of a progress line: `2 h 5 min`, `5 min 12 s` or `12 s`.
    var duration: String {
        guard !isNaN else { return "\(self)" }
        let whole = Int(max(0, min(self, 1e8)).rounded())
        let (hours, minutes) = (whole / 3600, whole / 60 % 60)
        if hours > 0 { return "\(hours) h \(minutes) min" }
        return minutes > 0 ? "\(minutes) min \(whole % 60) s" : "\(whole) s"
    }
}
