/// Parameters of a header field: `type; name=value; other="quoted value"`.
enum HeaderParameter {
    /// The value of the parameter `name`; nil when the field has none of that name.
    static func value(_ name: String, of field: String) -> String? {
        var rest = Array(field.unicodeScalars)[...]
        while let semicolon = rest.firstIndex(of: ";") {
            rest = rest[(semicolon + 1)...].drop { $0 == " " || $0 == "\t" }
            guard let equals = rest.firstIndex(of: "=") else { return nil }
            let key = String(String.UnicodeScalarView(rest[..<equals]))
            rest = rest[(equals + 1)...]
            var value = String.UnicodeScalarView()
            if rest.first == "\"" {
                rest = rest.dropFirst()
                while let scalar = rest.popFirst(), scalar != "\"" {
                    if scalar == "\\", let next = rest.first, next == "\"" || next == "\\" {
                        value.append(next)
                        rest = rest.dropFirst()
                    } else {
                        value.append(scalar)
                    }
                }
            } else {
                while let scalar = rest.first, scalar != ";", scalar != " " {
                    value.append(scalar)
                    rest = rest.dropFirst()
                }
            }
            if key.equalsIgnoringCase(name) { return String(value) }
        }
        return nil
    }
}
