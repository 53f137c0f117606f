import F5TTS

/// The members of a request's JSON object, each read with its type and range checked. A member that
/// is null counts as absent: that is how many clients send what they leave to the server.
struct Fields {
    private let object: JSONValue

    init(_ body: [UInt8]) throws(SpeechError) {
        let value: JSONValue
        do throws(JSONError) {
            value = try JSONParser.parse(body)
        } catch {
            throw SpeechError(.invalidRequest, "The body is not JSON: \(error).")
        }
        guard case .object = value else {
            throw SpeechError(.invalidRequest, "The body must be a JSON object.")
        }
        object = value
    }

    /// The members of an object inside the body; throws `invalidRequest` if it is none.
    init(_ value: JSONValue, _ name: String) throws(SpeechError) {
        guard case .object = value else {
            throw SpeechError(.invalidRequest, "\(name) must be an object.", parameter: name)
        }
        object = value
    }

    /// All members' names that are not null.
    var names: [String] {
        guard case .object(let members) = object else { return [] }
        return members.filter { !$0.value.isNull }.map(\.key)
    }

    subscript(_ name: String) -> JSONValue? {
        guard let value = object[name], !value.isNull else { return nil }
        return value
    }

    func string(_ name: String) throws(SpeechError) -> String? {
        guard let value = self[name] else { return nil }
        guard let string = value.string else {
            throw SpeechError(.invalidRequest, "\(name) must be a string.", parameter: name)
        }
        return string
    }

    func required(_ name: String) throws(SpeechError) -> String {
        guard let string = try string(name) else {
            throw SpeechError(.invalidRequest, "\(name) is missing.", parameter: name)
        }
        return string
    }

    func bool(_ name: String) throws(SpeechError) -> Bool? {
        guard let value = self[name] else { return nil }
        guard let bool = value.bool else {
            throw SpeechError(.invalidRequest, "\(name) must be true or false.", parameter: name)
        }
        return bool
    }

    func number(_ name: String) throws(SpeechError) -> Double? {
        guard let value = self[name] else { return nil }
        guard let number = value.number else {
            throw SpeechError(.invalidRequest, "\(name) must be a number.", parameter: name)
        }
        return number
    }

    func whole(_ name: String, in range: ClosedRange<Int>) throws(SpeechError) -> Int? {
        guard let value = self[name] else { return nil }
        guard let number = value.number.flatMap({ Int(exactly: $0) }), range.contains(number) else {
            throw SpeechError(
                .invalidRequest,
                "\(name) must be a whole number from \(range.lowerBound) to \(range.upperBound).",
                parameter: name)
        }
        return number
    }

    /// A name of one of the cases.
    func choice<Choice: RawRepresentable & CaseIterable>(
        _ name: String, of type: Choice.Type
    ) throws(SpeechError) -> Choice? where Choice.RawValue == String {
        guard let text = try string(name) else { return nil }
        guard let choice = Choice(rawValue: text) else {
            let known = Choice.allCases.map(\.rawValue).joined(separator: ", ")
            throw SpeechError(
                .invalidRequest, "\(name) must be one of \(known).", parameter: name)
        }
        return choice
    }

    static func checkLength(_ text: String, _ name: String) throws(SpeechError) {
        let count = text.unicodeScalars.count
        guard count <= SpeechRequest.longestInput else {
            throw SpeechError(
                .invalidRequest,
                "\(name) has \(count) characters; at most \(SpeechRequest.longestInput) are taken: "
                    + "send longer texts in parts.", parameter: name)
        }
    }
}
