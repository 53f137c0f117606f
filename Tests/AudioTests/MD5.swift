import Foundation

/// MD5 of bytes, RFC 1321; only to compare with checksums in fixtures.
enum MD5 {
    static func hex(_ bytes: [UInt8]) -> String {
        var message = bytes + [0x80]
        while message.count % 64 != 56 { message.append(0) }
        let bits = UInt64(bytes.count) * 8
        message += (0..<8).map { UInt8(truncatingIfNeeded: bits >> (8 * UInt64($0))) }
        let constants = (0..<64).map { UInt32((abs(sin(Double($0 + 1))) * 4_294_967_296)) }
        let shifts: [UInt32] = [7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21]
        var state: [UInt32] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476]
        message.withUnsafeBytes { message in
            for block in stride(from: 0, to: message.count, by: 64) {
                var (a, b, c, d) = (state[0], state[1], state[2], state[3])
                for i in 0..<64 {
                    let (mix, word): (UInt32, Int) =
                        switch i / 16 {
                        case 0: ((b & c) | (~b & d), i)
                        case 1: ((d & b) | (~d & c), (5 * i + 1) % 16)
                        case 2: (b ^ c ^ d, (3 * i + 5) % 16)
                        default: (c ^ (b | ~d), 7 * i % 16)
                        }
                    let input = message.loadUnaligned(
                        fromByteOffset: block + 4 * word, as: UInt32.self)
                    let sum = a &+ mix &+ constants[i] &+ input
                    let shift = shifts[i / 16 * 4 + i % 4]
                    (a, d, c) = (d, c, b)
                    b = b &+ (sum << shift | sum >> (32 - shift))
                }
                state[0] &+= a
                state[1] &+= b
                state[2] &+= c
                state[3] &+= d
            }
        }
        return state.flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) } }
            .map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
