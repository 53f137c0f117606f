/// A `multipart/form-data` body (RFC 7578).
struct MultipartBody {
    private let boundary: String
    private var bytes: [UInt8] = []

    /// Begins a body; its boundary is drawn anew unless given, and long enough not to be in the data.
    init(boundary: String? = nil) {
        self.boundary =
            boundary ?? "skald-\(StagingFolder.randomName())\(StagingFolder.randomName())"
    }

    var contentType: String { "multipart/form-data; boundary=\(boundary)" }

    /// The whole body.
    var finished: [UInt8] { bytes + "--\(boundary)--\r\n".utf8 }

    mutating func add(_ name: String, _ value: String) {
        append("Content-Disposition: form-data; name=\"\(name)\"", Array(value.utf8))
    }

    mutating func add(_ name: String, filename: String, type: String, _ content: [UInt8]) {
        append(
            "Content-Disposition: form-data; name=\"\(name)\"; filename=\"\(filename)\"\r\n"
                + "Content-Type: \(type)", content)
    }

    private mutating func append(_ header: String, _ content: [UInt8]) {
        bytes += "--\(boundary)\r\n\(header)\r\n\r\n".utf8
        bytes += content
        bytes += "\r\n".utf8
    }
}
