/// Words and how often they occur: what the segmenter weighs a cut with.
///
/// A trie over Unicode scalars.
struct WordLexicon: Sendable {
    /// The sum of all frequencies of the full dictionary.
    let total: Double
    private var nodes: [Node] = [Node()]

    private struct Node {
        var children: [Unicode.Scalar: Int] = [:]
        var frequency: Int?
    }

    init(total: Double, _ words: [(word: String, frequency: Int)]) {
        self.total = total
        for (word, frequency) in words {
            var node = 0
            for scalar in word.unicodeScalars {
                if let child = nodes[node].children[scalar] {
                    node = child
                } else {
                    nodes.append(Node())
                    nodes[node].children[scalar] = nodes.count - 1
                    node = nodes.count - 1
                }
            }
            nodes[node].frequency = frequency
        }
    }

    /// The words with which `text` begins, shortest first.
    func words(
        beginning text: ArraySlice<Unicode.Scalar>
    ) -> [(end: Int, frequency: Int)] {
        var found: [(end: Int, frequency: Int)] = []
        var node = 0
        for index in text.indices {
            guard let child = nodes[node].children[text[index]] else { break }
            node = child
            if let frequency = nodes[node].frequency { found.append((index + 1, frequency)) }
        }
        return found
    }

    /// Whether `text` as a whole is a word.
    func contains(_ text: ArraySlice<Unicode.Scalar>) -> Bool {
        words(beginning: text).last?.end == text.endIndex
    }
}

extension WordLexicon {
    /// Those words of jieba's dictionary which hold no character of U+3100-9FFF (5 of 349,046), with
    /// the total of the whole dictionary.
    ///
    /// Data from jieba 0.42.1 `dict.txt`, MIT licence, copyright Sun Junyi; see NOTICE.
    static let withoutHan = WordLexicon(
        total: 60_101_967,
        [("AT&T", 3), ("C#", 3), ("c#", 3), ("C++", 3), ("c++", 3)])
}
