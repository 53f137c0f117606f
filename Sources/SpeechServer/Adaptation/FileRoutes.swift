import F5TTS
import Logging

extension SpeechService {
    func addFiles(to router: inout Router) {
        // The form around the files is small.
        let limit = ((try? adaptation.get())?.files.limits.upload ?? 0) + (1 << 20)
        router.add(
            "POST", "/v1/files", bodyLimit: limit,
            upload: { headers in try adaptation.get().files.upload(headers) }
        ) { request in
            guard let upload = request.upload else { throw ErrorResponse(400, "Send a form.") }
            let file = try adaptation.get().files.add(upload)
            request.logger.info(
                "file added", metadata: ["file": "\(file.id)", "bytes": "\(file.bytes)"])
            return .json(description(file))
        }
        router.add("GET", "/v1/files") { request in
            let list = try ListRequest(request, defaultLimit: 10_000, limits: 1...10_000)
            let purpose = request.target.value("purpose")
            let files = try adaptation.get().store.files(
                list.page, purpose: try purpose.map(Self.purpose))
            return list.response(files, id: \.id, description)
        }
        router.add("GET", "/v1/files/:id") { request in
            .json(description(try adaptation.get().files.file(request.parameter("id"))))
        }
        router.add("DELETE", "/v1/files/:id") { request in
            let id = request.parameter("id")
            try adaptation.get().files.remove(id)
            request.logger.info("file deleted", metadata: ["file": "\(id)"])
            return .json(["id": .string(id), "object": "file", "deleted": true])
        }
        router.add("GET", "/v1/files/:id/content") { request in
            let shelf = try adaptation.get().files
            let file = try shelf.file(request.parameter("id"))
            guard file.parts.count == 1 else {
                throw SpeechError(
                    .invalidRequest, "These are several files: their content is not packed here.",
                    parameter: "file_id")
            }
            guard let opened = OpenedFile(path: shelf.folder(of: file) + "/" + file.parts[0]) else {
                throw SpeechError(.internalFailure, "The file \(file.id) is not on the disk.")
            }
            return Response(
                headers: [
                    "Content-Type": Self.mediaType(file),
                    "Content-Disposition": file.purpose == .results ? "inline" : "attachment",
                    // Whatever somebody uploaded is not shown as a page of this server.
                    "Content-Security-Policy": "sandbox; default-src 'none'; "
                        + "style-src 'unsafe-inline'; img-src data:; media-src data:",
                ], body: .file(opened))
        }
    }

    private static func purpose(_ name: String) throws(SpeechError) -> StoredFile.Purpose {
        guard let purpose = StoredFile.Purpose(rawValue: name) else {
            let known = StoredFile.Purpose.allCases.map(\.rawValue).joined(separator: " or ")
            throw SpeechError(.invalidRequest, "purpose must be \(known).", parameter: "purpose")
        }
        return purpose
    }

    /// Only what jobs make is told by its kind.
    private static func mediaType(_ file: StoredFile) -> String {
        guard file.purpose == .results else { return "application/octet-stream" }
        let kinds = [
            ".wav": "audio/wav", ".html": "text/html; charset=utf-8", ".json": "application/json",
            ".jsonl": "application/jsonl", ".png": "image/png", ".csv": "text/csv",
        ]
        return kinds.first { file.name.hasSuffix($0.key) }?.value ?? "application/octet-stream"
    }

    private func description(_ file: StoredFile) -> JSONValue {
        [
            "id": .string(file.id), "object": "file", "bytes": .number(Double(file.bytes)),
            "created_at": .number(Double(file.createdAt)), "filename": .string(file.name),
            "purpose": .string(file.purpose.rawValue), "status": "processed",
        ]
    }
}
