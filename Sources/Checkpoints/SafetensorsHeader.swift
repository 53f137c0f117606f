/// Reads the JSON header of a safetensors file, and only such a header.
///
/// A general JSON reader would accept duplicate keys, any depth and fractions. This one knows the
/// one grammar there is (names to `dtype`, `shape`, `data_offsets`; `__metadata__` of strings) and
/// refuses everything else, so its depth is fixed and its memory is bounded by the header's size.
struct SafetensorsHeader {
    /// One entry as written: nothing about it is checked yet but its grammar.
    struct Entry {
        var elementType = ""
        var shape: [Int] = []
        var begin = 0
        var end = 0
    }

    /// What is wrong with the header, and roughly where.
    struct Malformed: Error {
        let what: String
        let position: Int
    }

    private(set) var entries: [(name: String, entry: Entry)] = []
    private(set) var metadata: [String: String] = [:]

    private let bytes: UnsafeRawBufferPointer
    private var position = 0

    /// Parses `bytes`, the header without its length.
    init(_ bytes: UnsafeRawBufferPointer) throws(Malformed) {
        self.bytes = bytes
        var names = Set<String>()
        try object { parser, key throws(Malformed) in
            guard names.insert(key).inserted else {
                throw parser.malformed("\"\(key)\" is there twice")
            }
            if key == "__metadata__" {
                try parser.object { parser, key throws(Malformed) in
                    parser.metadata[key] = try parser.string()
                }
            } else {
                let entry = try parser.entry()
                parser.entries.append((key, entry))
            }
        }
        skipSpace()
        guard position == bytes.count else { throw malformed("text follows the header") }
    }

    private mutating func entry() throws(Malformed) -> Entry {
        var entry = Entry()
        var seen = Set<String>()
        try object { parser, key throws(Malformed) in
            guard seen.insert(key).inserted else { throw parser.malformed("\(key) is there twice") }
            switch key {
            case "dtype": entry.elementType = try parser.string()
            case "shape": entry.shape = try parser.integers()
            case "data_offsets":
                let offsets = try parser.integers()
                guard offsets.count == 2 else {
                    throw parser.malformed("data_offsets needs two numbers")
                }
                entry.begin = offsets[0]
                entry.end = offsets[1]
            default: throw parser.malformed("unknown field \"\(key)\"")
            }
        }
        guard seen.count == 3 else { throw malformed("dtype, shape or data_offsets is missing") }
        return entry
    }

    private mutating func object(
        _ member: (inout SafetensorsHeader, String) throws(Malformed) -> Void
    ) throws(Malformed) {
        try expect("{")
        if take("}") { return }
        repeat {
            let key = try string()
            try expect(":")
            try member(&self, key)
        } while take(",")
        try expect("}")
    }

    private mutating func integers() throws(Malformed) -> [Int] {
        try expect("[")
        var numbers: [Int] = []
        if take("]") { return numbers }
        repeat { numbers.append(try integer()) } while take(",")
        try expect("]")
        return numbers
    }

    private mutating func integer() throws(Malformed) -> Int {
        skipSpace()
        var value = 0
        let start = position
        while position < bytes.count, (0x30...0x39).contains(bytes[position]) {
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(Int(bytes[position] - 0x30))
            guard !overflow, !carry else { throw malformed("a number is too large") }
            value = sum
            position += 1
        }
        guard position > start else { throw malformed("a whole number is missing") }
        return value
    }

    private mutating func string() throws(Malformed) -> String {
        try expect("\"")
        var utf8: [UInt8] = []
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let text = String(validating: utf8, as: UTF8.self) else {
                    throw malformed("a name is not valid UTF-8")
                }
                return text
            case UInt8(ascii: "\\"): utf8 += Array(String(try escape()).utf8)
            case 0..<0x20: throw malformed("a control character in a name")
            default: utf8.append(byte)
            }
        }
        throw malformed("the header ends inside a name")
    }

    private mutating func escape() throws(Malformed) -> Unicode.Scalar {
        guard position < bytes.count else { throw malformed("the header ends inside a name") }
        let byte = bytes[position]
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(byte)
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{C}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"):
            var code = try hexadecimal()
            if (0xD800..<0xDC00).contains(code) {
                guard position + 1 < bytes.count, bytes[position] == UInt8(ascii: "\\"),
                    bytes[position + 1] == UInt8(ascii: "u")
                else { throw malformed("half a surrogate pair") }
                position += 2
                let low = try hexadecimal()
                guard (0xDC00..<0xE000).contains(low) else {
                    throw malformed("half a surrogate pair")
                }
                code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
            }
            guard let scalar = Unicode.Scalar(code) else {
                throw malformed("half a surrogate pair")
            }
            return scalar
        default: throw malformed("an unknown escape in a name")
        }
    }

    private mutating func hexadecimal() throws(Malformed) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard position < bytes.count,
                let digit = Character(Unicode.Scalar(bytes[position])).hexDigitValue
            else { throw malformed("four hexadecimal digits are needed") }
            value = value << 4 | UInt32(digit)
            position += 1
        }
        return value
    }

    private mutating func skipSpace() {
        while position < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[position]) {
            position += 1
        }
    }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        skipSpace()
        guard position < bytes.count, bytes[position] == UInt8(ascii: character) else {
            return false
        }
        position += 1
        return true
    }

    private mutating func expect(_ character: Unicode.Scalar) throws(Malformed) {
        guard take(character) else { throw malformed("\"\(character)\" is missing") }
    }

    private func malformed(_ what: String) -> Malformed {
        Malformed(what: what, position: position)
    }
}
