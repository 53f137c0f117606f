import Foundation

/// Colours for levels, from near black through violet and red to pale yellow.
///
/// Made in Oklab (Björn Ottosson, 2020), so that equal steps of level look like equal steps of
/// lightness, in print and to people who see few colours too.
enum ColorMap {
    /// 256 colours as RGB triples.
    static let table: [UInt8] = (0..<256).flatMap { color(Double($0) / 255) }

    private static func color(_ level: Double) -> [UInt8] {
        let lightness = 0.12 + 0.86 * level
        // From violet (-75 degrees) by way of red to yellow (105 degrees).
        let hue = (-75 + 180 * pow(level, 1.1)) * Double.pi / 180
        let chroma = 0.21 * pow(sin(Double.pi * (0.06 + 0.86 * level)), 0.9)
        return rgb(lightness, a: chroma * cos(hue), b: chroma * sin(hue))
    }

    /// Oklab to 8-bit sRGB.
    private static func rgb(_ lightness: Double, a: Double, b: Double) -> [UInt8] {
        let l = pow(lightness + 0.3963377774 * a + 0.2158037573 * b, 3)
        let m = pow(lightness - 0.1055613458 * a - 0.0638541728 * b, 3)
        let s = pow(lightness - 0.0894841775 * a - 1.2914855480 * b, 3)
        return [
            4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
            -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
            -0.0041960863 * l - 0.7034186147 * m + 1.7076147010 * s,
        ].map { linear in
            let value = min(1, max(0, linear))
            let encoded =
                value <= 0.0031308 ? 12.92 * value : 1.055 * pow(value, 1 / 2.4) - 0.055
            return UInt8((encoded * 255).rounded())
        }
    }
}
