import Audio
import Checkpoints
import Foundation

/// The report of an adaptation as one HTML page that needs nothing else: what to listen to, curves,
/// figures, and what the recordings were like.
struct AdaptationPage {
    private let version: VoiceVersion
    private let curve: TrainingCurve
    private let set: PreparedSet
    private let doctor: DoctorSummary?
    private let text: String
    private let sounds: [(title: String, wav: [UInt8], picture: [UInt8])]

    /// Findings of one severity that are listed.
    private static let listed = 30

    /// Reads the files to listen to, those that there are.
    init(
        version: VoiceVersion, curve: TrainingCurve, set: PreparedSet, listening: ListenFiles,
        doctor: DoctorSummary?
    ) throws {
        self.version = version
        self.curve = curve
        self.set = set
        self.doctor = doctor
        text = listening.text
        sounds = try listening.kinds.compactMap { kind in
            let path = listening.folder.path + "/" + kind.file
            guard let data = FileManager.default.contents(atPath: path) else { return nil }
            let audio = try AudioFile.read(bytes: Array(data))
            let mono = audio.mono
            let picture = try SpectrogramImage.png(mono.samples, sampleRate: mono.sampleRate)
            return (title: kind.title, wav: Array(data), picture: picture)
        }
    }

    var html: String {
        let record = version.record
        return """
            <!doctype html>
            <html lang="en"><head><meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>Adaptation of a voice</title><style>\(Self.style)</style></head><body><main>
            <h1>Adaptation of a voice</h1>
            <p>\(HTML.escaped(record.base.name)), \(record.options.method.rawValue),
            \(record.updates) updates; with <code>auto</code> the
            <strong>\(record.better == .ema ? "averaged (EMA)" : "raw")</strong> weights speak.</p>
            <h2>Listen</h2>
            <p>“\(HTML.escaped(text))”, each time with the same noise and the same reference.</p>
            \(listening)
            <h2>On clips that training never saw</h2>
            \(figures)
            <h2>Curves</h2>
            \(charts)
            <h2>Reference</h2>
            <p>\(HTML.escaped(record.reference.clip)): “\(HTML.escaped(record.reference.text))”</p>
            \(list(record.reference.findings))
            <h2>Recordings</h2>
            \(recordings)
            <h2>Settings</h2>
            \(settings)
            </main></body></html>

            """
    }

    private var listening: String {
        sounds.map { sound in
            """
            <figure><figcaption>\(sound.title)</figcaption>
            <audio controls preload="none"
            src="data:audio/wav;base64,\(Data(sound.wav).base64EncodedString())"></audio>
            <img alt="Spectrogram" src="data:image/png;base64,\
            \(Data(sound.picture).base64EncodedString())"></figure>
            """
        }.joined(separator: "\n")
    }

    private var figures: String {
        let figures = version.record.figures
        guard figures.heldOutClips > 0 else {
            return "<p>None was held out, so there are no figures.</p>"
        }
        let share = version.record.average.map { " (\(($0.newShare * 100).shown) % new)" } ?? ""
        let rows = [
            ("Before", figures.before), ("Raw weights", figures.raw),
            ("Averaged weights (EMA)" + share, figures.average),
        ].compactMap { title, measure in
            measure.map { measure in
                "<tr><th>\(title)</th><td>\(measure.loss.exact)</td>"
                    + "<td>\((measure.withoutText - measure.loss).exact)</td>"
                    + "<td>\(measure.distance.map(\.exact) ?? "")</td></tr>"
            }
        }
        return """
            <table><tr><th></th><th>loss</th><th>what the text tells</th><th>distance of sampled
            speech</th></tr>
            \(rows.joined(separator: "\n"))</table>
            <p>\(figures.heldOutClips) clips, \(figures.heldOutSeconds.shown) s, always with the same
            noise, times and spans; trained on \(figures.trainingClips) clips,
            \((figures.trainingSeconds / 60).shown) min. Lower is better, and a text that tells more
            is one that is read. The distance is the mean absolute difference of log mels.</p>
            """
    }

    private var charts: String {
        let steps = curve.steps.map { (Double($0.update), $0.loss) }
        var mean = steps.first?.1 ?? 0
        let smooth = steps.map { step in
            mean += (step.1 - mean) * 0.05
            return (step.0, mean)
        }
        func heldOut(_ value: (HeldOutPoint) -> Double?) -> [(Double, Double)] {
            curve.heldOut.compactMap { point in value(point).map { (Double(point.update), $0) } }
        }
        typealias Series = LineChart.Series
        let (blue, orange) = ("#2f7ed8", "#d8692f")
        let loss = LineChart(
            title: "Training loss", xLabel: "update",
            series: [
                Series(name: "each update", color: "#99a", width: 0.7, points: steps),
                Series(name: "mean", color: blue, points: smooth),
            ])
        let check = LineChart(
            title: "Held-out loss", xLabel: "update",
            series: [
                Series(name: "raw", color: blue, points: heldOut { $0.raw.loss }),
                Series(
                    name: "averaged (EMA)", color: orange, isDashed: true,
                    points: heldOut { $0.average?.loss }),
            ])
        let distance = LineChart(
            title: "Distance of sampled speech", xLabel: "update",
            series: [
                Series(name: "raw", color: blue, points: heldOut(\.rawDistance)),
                Series(
                    name: "averaged (EMA)", color: orange, isDashed: true,
                    points: heldOut(\.averageDistance)),
            ])
        return [loss, check, distance].map(\.svg).joined(separator: "\n")
    }

    private var recordings: String {
        guard let doctor else { return "" }
        let sentences = (doctor.advice + doctor.notes).map { "<p>\(HTML.escaped($0))</p>" }
        let lists = [
            (Finding.Severity.dropped, "Left out"), (.fixed, "Mended"), (.warning, "Worth a look"),
        ].compactMap { severity, title -> String? in
            let found = doctor.findings.filter { $0.severity == severity }
            return found.isEmpty ? nil : "<h3>\(title)</h3>\(list(found))"
        }
        return """
            <p>\(doctor.clips) clips, \((doctor.seconds / 60).shown) min; \(doctor.kept) are used,
            \((doctor.usableSeconds / 60).shown) min.</p>
            """ + sentences.joined() + lists.joined()
    }

    private func list(_ findings: [Finding]) -> String {
        guard !findings.isEmpty else { return "" }
        let items = findings.prefix(Self.listed).map {
            "<li>\(HTML.escaped($0.clip)): \(HTML.escaped($0.message))</li>"
        }
        let rest = findings.count - items.count
        return "<ul>\(items.joined())\(rest > 0 ? "<li>and \(rest) more</li>" : "")</ul>"
    }

    private var settings: String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        let json = (try? encoder.encode(version.record.options)) ?? Data()
        return "<pre>\(HTML.escaped(String(decoding: json, as: UTF8.self)))</pre>"
    }

    private static let style = """
        :root { color-scheme: light dark; }
        body { font: 16px/1.5 system-ui, sans-serif; margin: 0; }
        main { max-width: 46rem; margin: 0 auto; padding: 1rem; }
        h2 { margin-top: 2.2rem; }
        figure { margin: 1rem 0; }
        figcaption { font-weight: 600; }
        audio, img, svg { width: 100%; display: block; margin-top: .3rem; }
        table { border-collapse: collapse; }
        th, td { text-align: left; padding: .2rem 1rem .2rem 0; font-variant-numeric: tabular-nums; }
        pre { overflow-x: auto; }
        svg text { font: 11px system-ui, sans-serif; fill: currentColor; }
        svg .title { font-weight: 600; font-size: 13px; }
        svg .grid { stroke: currentColor; stroke-opacity: .15; fill: none; }
        """
}

extension Double {
    /// Four decimals; what diverged, or is no number, as it is.
    var exact: String {
        guard magnitude < 1e11 else { return "\(self)" }
        let digits = "\(Int((magnitude * 10_000).rounded()))"
        let padded = String(repeating: "0", count: max(0, 5 - digits.count)) + digits
        return (self < 0 ? "-" : "") + padded.dropLast(4) + "." + padded.suffix(4)
    }
}
