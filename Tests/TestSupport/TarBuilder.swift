/// Makes tar files by hand, so that they can be as wrong as an attacker's.
package struct TarBuilder {
    package private(set) var bytes: [UInt8] = []

    package init() {}

    /// Adds an entry; `kind` is tar's type flag ("0" file, "1" hard link, "2" symbolic link, "3" device,
    /// "5" folder, "6" pipe).
    package mutating func add(
        _ name: String, _ content: [UInt8] = [], kind: Character = "0", link: String = ""
    ) {
        add(Array(name.utf8), content, kind: kind, link: link)
    }

    /// The same with any bytes for a name.
    package mutating func add(
        _ name: [UInt8], _ content: [UInt8] = [], kind: Character = "0", link: String = ""
    ) {
        var header = [UInt8](repeating: 0, count: 512)
        func put(_ bytes: some Sequence<UInt8>, at offset: Int) {
            for (index, byte) in bytes.enumerated() { header[offset + index] = byte }
        }
        func octal(_ value: Int, _ digits: Int) -> [UInt8] {
            let text = String(value, radix: 8)
            return Array((String(repeating: "0", count: digits - text.count) + text).utf8)
        }
        put(name, at: 0)
        put("0000644".utf8, at: 100)
        put("0000000".utf8, at: 108)
        put("0000000".utf8, at: 116)
        put(octal(content.count, 11), at: 124)
        put(octal(0, 11), at: 136)
        put(String(kind).utf8, at: 156)
        put(link.utf8, at: 157)
        put("ustar".utf8, at: 257)
        put("00".utf8, at: 263)
        put(repeatElement(UInt8(ascii: " "), count: 8), at: 148)
        put(octal(header.reduce(0) { $0 + Int($1) }, 6) + [0], at: 148)
        bytes += header + content
        bytes += [UInt8](repeating: 0, count: (512 - content.count % 512) % 512)
    }

    /// The whole archive.
    package var archive: [UInt8] { bytes + [UInt8](repeating: 0, count: 1_024) }
}
