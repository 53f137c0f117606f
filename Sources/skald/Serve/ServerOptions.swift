import ArgumentParser
import F5TTS
import SpeechServer

/// Where the server listens, who may ask, and how much.
struct ServerOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Address to listen on (SKALD_HOST). Default: 127.0.0.1, this machine only. "
                + "0.0.0.0 or :: for every network; set a key then.", valueName: "address"))
    var host: String?

    @Option(help: "Port to listen on, 0 for any free one (SKALD_PORT). Default: 8080.")
    var port: Int?

    @Option(
        help: ArgumentHelp(
            "Key that clients must send as 'Authorization: Bearer KEY' (SKALD_API_KEY). "
                + "Better set in the environment: others see a command line.",
            valueName: "key"))
    var apiKey: String?

    @Flag(help: "Ask for the key on the lists of models and voices too (SKALD_PRIVATE_LISTS=1).")
    var privateLists = false

    @Option(
        help: ArgumentHelp(
            "Web origin whose pages may call this server, * for any (SKALD_CORS_ORIGIN).",
            valueName: "origin"))
    var corsOrigin: String?

    @Option(
        help: ArgumentHelp(
            "Names that this server may be called by, with commas between them, * for any "
                + "(SKALD_ALLOWED_HOSTS). Addresses and names without a dot are always among them. "
                + "Default: only these where it listens on 127.0.0.1 without a key, else any.",
            valueName: "names"))
    var allowedHosts: String?

    @Option(
        help: ArgumentHelp(
            "Steps (NFE) where a request gives none, 1-128 or auto (SKALD_NFE). Default: auto, 16 "
                + "for exact requests, else 5-16 by the time there is.", valueName: "steps"))
    var nfe: String?

    @Option(
        help: ArgumentHelp(
            "low: short first chunk, the best part of a long reference; exact: the rules of F5-TTS "
                + "(SKALD_LATENCY). Default: auto, exact for requests with a seed, else low.",
            valueName: "rule"))
    var latency: String?

    @Option(
        help: ArgumentHelp(
            "Save the unguided pass in the later half of the steps: off, reuse (keeps the guidance that "
                + "was computed last) or skip (does without) (SKALD_CFG_ECONOMY). Default: off, exact.",
            valueName: "rule"))
    var cfgEconomy: String?

    @Option(
        help: ArgumentHelp(
            "Requests taken on beside one, 0-10000 (SKALD_MAX_QUEUE). Default: 16.",
            valueName: "count"))
    var maxQueue: Int?

    @Option(
        help: ArgumentHelp(
            "Seconds that a request may have to wait for others until it is heard, 1-3600 "
                + "(SKALD_MAX_WAIT); others are refused. Default: 60.", valueName: "seconds"))
    var maxWait: Int?

    @Option(
        help: ArgumentHelp(
            "Connections open at one time, 1-10000 (SKALD_MAX_CONNECTIONS). Default: 128.",
            valueName: "count"))
    var maxConnections: Int?

    @Option(
        help: ArgumentHelp(
            "The same for each address (SKALD_MAX_CONNECTIONS_PER_ADDRESS). Default: 0, no limit.",
            valueName: "count"))
    var maxConnectionsPerAddress: Int?

    @Option(
        help: ArgumentHelp(
            "MiB of an uploaded recording, 1-64 (SKALD_MAX_UPLOAD). Default: 10.", valueName: "mib")
    )
    var maxUpload: Int?

    @Option(
        help: ArgumentHelp(
            "MiB of one upload to /v1/files, 1-65536 (SKALD_MAX_FILE). Default: 1024.",
            valueName: "mib"))
    var maxFile: Int?

    @Option(
        help: ArgumentHelp(
            "GiB of all files at /v1/files together, 1-65536 (SKALD_MAX_FILES). Default: 20.",
            valueName: "gib"))
    var maxFiles: Int?

    @Option(
        help: ArgumentHelp(
            "Seconds a client may take for a request's header, 1-3600 (SKALD_HEADER_TIMEOUT). "
                + "Idle connections are closed after as long. Default: 30.",
            valueName: "seconds"))
    var headerTimeout: Int?

    @Option(
        help: ArgumentHelp(
            "Seconds it may take for the body, and for each MiB of an upload to /v1/files, 1-3600 "
                + "(SKALD_BODY_TIMEOUT). Default: 120.",
            valueName: "seconds"))
    var bodyTimeout: Int?

    @Option(
        help: ArgumentHelp(
            "Seconds it may leave a ready answer untouched, 1-3600 (SKALD_SEND_TIMEOUT). "
                + "Default: 300.", valueName: "seconds"))
    var sendTimeout: Int?

    @Option(
        help: ArgumentHelp(
            "Seconds to finish what was accepted when told to stop, 0-3600 (SKALD_DRAIN_TIMEOUT). "
                + "Default: 30.", valueName: "seconds"))
    var drainTimeout: Int?

    @Option(
        help: ArgumentHelp(
            "Least serious lines of the log: trace, debug, info, notice, warning or error "
                + "(SKALD_LOG_LEVEL). Default: info.", valueName: "level"))
    var logLevel: String?

    /// A server's settings, each checked.
    struct Resolved {
        var host: String
        var port: Int
        var authorization: Authorization
        var allowedOrigin: String?
        var allowedHosts: AllowedHosts?
        var service: SpeechService.Options
        var adaptation: AdaptationService.Limits
        var drainSeconds: Double
    }

    func resolved(model: String) throws -> Resolved {
        var service = SpeechService.Options(model: model)
        service.defaults = try defaults
        if let seconds = try whole(maxWait, "SKALD_MAX_WAIT", in: 1...3600) {
            service.longestWait = Double(seconds)
        }
        service.maximumWaiting =
            try whole(maxQueue, "SKALD_MAX_QUEUE", in: 0...10_000) ?? service.maximumWaiting
        if let mebibytes = try whole(maxUpload, "SKALD_MAX_UPLOAD", in: 1...64) {
            service.uploadLimit = mebibytes << 20
        }
        service.http = try limits()
        let isPrivate = try Setting.flag(privateLists, "SKALD_PRIVATE_LISTS")
        return Resolved(
            host: Setting.text(host, "SKALD_HOST") ?? "127.0.0.1",
            port: try whole(port, "SKALD_PORT", in: 0...65_535) ?? 8080,
            authorization: Authorization(key: try key, listsArePrivate: isPrivate),
            allowedOrigin: Setting.text(corsOrigin, "SKALD_CORS_ORIGIN"),
            allowedHosts: try hosts, service: service, adaptation: try adaptationLimits(),
            drainSeconds: Double(
                try whole(drainTimeout, "SKALD_DRAIN_TIMEOUT", in: 0...3600) ?? 30))
    }

    private var defaults: SpeechRequest.Defaults {
        get throws {
            var defaults = SpeechRequest.Defaults()
            if let steps = Setting.text(nfe, "SKALD_NFE"), steps != "auto" {
                guard let count = Int(steps), (1...128).contains(count) else {
                    throw CommandError("--nfe (SKALD_NFE) is \(steps): give 1 to 128, or auto.")
                }
                defaults.nfe = count
            }
            if let rule = Setting.text(latency, "SKALD_LATENCY"), rule != "auto" {
                guard let known = SynthesisOptions.Latency(rawValue: rule) else {
                    throw CommandError(
                        "--latency (SKALD_LATENCY) is \(rule): give low, exact or auto.")
                }
                defaults.latency = known
            }
            if let rule = Setting.text(cfgEconomy, "SKALD_CFG_ECONOMY") {
                guard let known = GuidanceEconomy(rawValue: rule) else {
                    throw CommandError(
                        "--cfg-economy (SKALD_CFG_ECONOMY) is \(rule): give off, reuse or skip.")
                }
                defaults.economy = known
            }
            return defaults
        }
    }

    private var key: String? {
        get throws {
            guard let key = Setting.text(apiKey, "SKALD_API_KEY") else { return nil }
            // What cannot stand in a header could never be sent.
            guard !key.isEmpty, key.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
                throw CommandError("The key must be of ASCII letters, digits and signs.")
            }
            return key
        }
    }

    private var hosts: AllowedHosts? {
        get throws {
            guard let text = Setting.text(allowedHosts, "SKALD_ALLOWED_HOSTS") else { return nil }
            let names = text.split(separator: ",", omittingEmptySubsequences: false).map { name in
                String(name.filter { $0 != " " })
            }
            guard names.allSatisfy({ !$0.isEmpty && !$0.contains("/") }) else {
                throw CommandError(
                    "--allowed-hosts (SKALD_ALLOWED_HOSTS) is \(text): give names like "
                        + "speech.example.org, with commas between them.")
            }
            return AllowedHosts(names)
        }
    }

    private func adaptationLimits() throws -> AdaptationService.Limits {
        var limits = AdaptationService.Limits()
        if let mebibytes = try whole(maxFile, "SKALD_MAX_FILE", in: 1...65_536) {
            limits.files.upload = mebibytes << 20
        }
        if let gibibytes = try whole(maxFiles, "SKALD_MAX_FILES", in: 1...65_536) {
            limits.files.total = gibibytes << 30
        }
        return limits
    }

    private func limits() throws -> HTTPLimits {
        var limits = HTTPLimits()
        limits.connections =
            try whole(maxConnections, "SKALD_MAX_CONNECTIONS", in: 1...10_000) ?? limits.connections
        limits.connectionsPerAddress =
            try whole(
                maxConnectionsPerAddress, "SKALD_MAX_CONNECTIONS_PER_ADDRESS", in: 0...10_000)
            ?? limits.connectionsPerAddress
        func seconds(_ flag: Int?, _ variable: String, _ standard: Double) throws -> Double {
            try whole(flag, variable, in: 1...3600).map { Double($0) } ?? standard
        }
        limits.headerSeconds = try seconds(
            headerTimeout, "SKALD_HEADER_TIMEOUT", limits.headerSeconds)
        limits.bodySeconds = try seconds(bodyTimeout, "SKALD_BODY_TIMEOUT", limits.bodySeconds)
        limits.sendSeconds = try seconds(sendTimeout, "SKALD_SEND_TIMEOUT", limits.sendSeconds)
        return limits
    }

    /// The flag's value, else the variable's; nil when neither is set.
    private func whole(
        _ flag: Int?, _ variable: String, in range: ClosedRange<Int>
    ) throws -> Int? {
        guard let value = try Setting.value(flag, variable, "a whole number") else { return nil }
        guard range.contains(value) else {
            let flag = "--" + variable.dropFirst(6).lowercased().replacing("_", with: "-")
            throw CommandError(
                "\(flag) (\(variable)) is \(value): give \(range.lowerBound) to \(range.upperBound)."
            )
        }
        return value
    }
}
