import Foundation
import Testing

@testable import SpeechServer

@Suite struct WebPageTests {
    private let response = WebPage.response(nonce: "n0nce")

    private var text: String {
        guard case .bytes(let bytes) = response.body else { return "" }
        return String(decoding: bytes, as: UTF8.self)
    }

    private func matches(_ pattern: String, in text: String) throws -> Set<String> {
        let expression = try NSRegularExpression(pattern: pattern)
        let range = NSRange(text.startIndex..., in: text)
        return Set(
            expression.matches(in: text, range: range).compactMap {
                Range($0.range(at: 1), in: text).map { String(text[$0]) }
            })
    }

    @Test func onlyItsOwnScriptRuns() throws {
        let policy = try #require(response.headers["content-security-policy"])
        #expect(policy.contains("default-src 'none'"))
        #expect(policy.contains("script-src 'nonce-n0nce'"))
        #expect(!policy.contains("unsafe"))
        #expect(text.contains("<script nonce=\"n0nce\">"))
        #expect(text.contains("<style nonce=\"n0nce\">"))
        // Handlers and styles in attributes would be refused by that policy.
        #expect(try matches(#"\s(on\w+|style)=""#, in: WebPage.markup).isEmpty)
    }

    @Test func asksForNothingFromElsewhere() throws {
        #expect(!text.contains("http:") && !text.contains("https:") && !text.contains("//cdn"))
        let paths = try matches(#"fetch\("([^"]*)""#, in: WebPage.script)
        #expect(paths == ["health", "v1/models", "v1/audio/voices", "v1/audio/speech"])
    }

    @Test func everythingTheScriptUsesIsThereAndLabelled() throws {
        let ids = try matches(#" id="([^"]+)""#, in: WebPage.markup)
        let used = try matches(#"at\("([^"]+)"\)"#, in: WebPage.script)
        #expect(used.isSubset(of: ids), "\(used.subtracting(ids))")
        let labelled = try matches(#"<label for="([^"]+)""#, in: WebPage.markup)
        let fields = try matches(#"<(?:input|select|textarea) id="([^"]+)""#, in: WebPage.markup)
        #expect(fields == labelled)
    }
}
