/// What the page of an adaptation says of the recordings: a part of `doctor.json`.
struct DoctorSummary: Decodable {
    let clips: Int
    let kept: Int
    let seconds: Double
    let usableSeconds: Double
    let advice: [String]
    let notes: [String]
    let findings: [Finding]

    enum CodingKeys: String, CodingKey {
        case clips, kept, seconds, advice, notes, findings
        case usableSeconds = "usable_seconds"
    }
}
