/// An integer beyond 64 bits, as pickles may hold one (a random generator's seed, say).
package struct BigInteger: Sendable, Equatable, CustomStringConvertible {
    /// Two's complement, least significant byte first.
    package let bytes: [UInt8]

    /// Decimal digits.
    package var description: String {
        let isNegative = bytes.last.map { $0 & 0x80 != 0 } ?? false
        var magnitude = bytes
        if isNegative {
            var carry = true
            for index in magnitude.indices {
                magnitude[index] = ~magnitude[index]
                if carry {
                    magnitude[index] &+= 1
                    carry = magnitude[index] == 0
                }
            }
        }
        var digits: [UInt8] = [0]
        for byte in magnitude.reversed() {
            var carry = Int(byte)
            for index in digits.indices {
                carry += Int(digits[index]) * 256
                digits[index] = UInt8(carry % 10)
                carry /= 10
            }
            while carry > 0 {
                digits.append(UInt8(carry % 10))
                carry /= 10
            }
        }
        return (isNegative ? "-" : "") + digits.reversed().map { String($0) }.joined()
    }
}
