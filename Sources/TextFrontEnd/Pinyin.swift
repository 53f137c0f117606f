/// Readings of Chinese characters in the TONE3 style: tone digit last, none for the neutral tone.
///
/// Holds the characters outside U+3100-9FFF that take three bytes in UTF-8: U+3007, the private ones
/// of GB 18030, one compatibility ideograph. Computes what `lazy_pinyin` of pypinyin does for them;
/// the table is data from pypinyin 0.55.0, MIT licence, copyright mozillazg; see NOTICE.
enum Pinyin {
    /// The elements that `lazy_pinyin` gives for `segment`: one a Chinese character, its reading or
    /// else itself, and one for each run of anything else.
    static func elements(_ segment: ArraySlice<Unicode.Scalar>) -> [String] {
        var elements: [String] = []
        var other: [Unicode.Scalar] = []
        func flush() {
            if !other.isEmpty { elements.append(String(scalars: other)) }
            other = []
        }
        for scalar in segment {
            if isHanzi(scalar) {
                flush()
                elements.append(reading(scalar) ?? String(scalar))
            } else {
                other.append(scalar)
            }
        }
        flush()
        return elements
    }

    /// Whether pypinyin takes a character for Chinese.
    private static func isHanzi(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x3007, privateUse, 0x3400...0x4DBF, 0x4E00...0x9FFF, 0xF900...0xFAFF,
            0x20000...0x3FFFF:
            true
        default: false
        }
    }

    private static func reading(_ scalar: Unicode.Scalar) -> String? {
        switch scalar.value {
        case 0x3007: return "ling2"
        case 0xFA18: return "li3"
        case privateUse:
            let reading = privateReadings[Int(scalar.value - privateUse.lowerBound)]
            return reading == "-" ? nil : String(reading)
        default: return nil
        }
    }

    private static let privateUse: ClosedRange<UInt32> = 0xE815...0xE864
    /// One reading for each of `privateUse`, "-" where there is none.
    private static let privateReadings = """
        ye4 zuo3 - gun3 - zhou4 zhou4 - jie2 - wai1 han3 han3 - - zhou4 zhou4 shou3 gang1 \
        kuai3 song3 song3 feng1 gong4 gang1 hui4 ta4 jian1 en1 xiao3 - lou2 can3 zhu2 chou1 \
        wang3 - yang2 zai1 ba4 ba4 - zhuan1 qiong2 kui4 kui4 juan3 xin1 yan4 qing2 qing2 - \
        shan4 ye2 po1 shan4 zhuo1 shan4 jue2 chuai4 zheng4 chuai4 zheng4 zhuo2 ying2 yu2 \
        yin4 chun1 qiu1 yu2 teng2 shi1 jiao1 lie4 jing1 ju2 ti1 pi4 yan3 luan2
        """.split(separator: " ")
}
