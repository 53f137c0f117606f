/// One thing that the doctor looked at.
struct HealthCheck: Encodable {
    enum Status: String, Encodable {
        case ok
        /// Speech works, but someone should know.
        case warning
        /// Speech does not work.
        case failure
    }

    let name: String
    let status: Status
    /// What was found and, where it is not well, what to do.
    let detail: String

    init(_ name: String, _ status: Status, _ detail: String) {
        self.name = name
        self.status = status
        self.detail = detail
    }
}
