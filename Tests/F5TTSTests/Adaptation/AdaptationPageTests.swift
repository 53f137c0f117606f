import Testing

@testable import F5TTS

struct AdaptationPageTests {
    @Test(arguments: [
        (1.5, "1.5000"), (-0.00004, "-0.0000"), (0.12346, "0.1235"), (1e10, "10000000000.0000"),
        (1e17, "1e+17"), (-1e300, "-1e+300"), (Double.infinity, "inf"), (Double.nan, "nan"),
    ])
    func figuresOfAnySize(value: Double, text: String) {
        #expect(value.exact == text)
    }
}
