import Foundation
import TestSupport

/// `skald serve` of an installation as a process; ended with the test.
final class ServedInstallation {
    private struct NotServing: Error { let log: String }

    let program: Program.Running
    let port: Int

    init(
        _ installation: Installation, _ arguments: [String] = [],
        environment: [String: String] = [:]
    ) throws {
        program = try Program.Running(
            ["serve", "--port", "0"] + arguments,
            environment: installation.environment.merging(environment) { _, given in given })
        let program = program
        var port: Int?
        _ = Self.eventually(within: 60) {
            port = program.errorsSoFar.firstMatch(of: /url=http:\/\/127\.0\.0\.1:([0-9]+)/)
                .flatMap { Int($0.output.1) }
            return port != nil || !program.process.isRunning
        }
        guard let port else { throw NotServing(log: program.errorsSoFar) }
        self.port = port
        guard
            Self.eventually(
                within: 60,
                until: {
                    (try? SocketClient(port: port).request("GET", "/health"))?.status == 200
                })
        else { throw NotServing(log: program.errorsSoFar) }
    }

    deinit {
        if program.process.isRunning { kill(program.process.processIdentifier, SIGKILL) }
    }

    var pid: Int32 { program.process.processIdentifier }

    func client() throws -> SocketClient { try SocketClient(port: port) }

    func speak(_ text: String, _ more: String = "", key: String? = nil) throws
        -> SocketClient.Answer
    {
        let client = try client()
        send(text, more, to: client, key: key)
        return try client.answer()
    }

    func send(_ text: String, _ more: String = "", to client: SocketClient, key: String? = nil) {
        let body = #"{"model":"tts-1","voice":"heart","input":"\#(text)"\#(more)}"#
        var headers = ["Content-Type": "application/json"]
        headers["Authorization"] = key.map { "Bearer " + $0 }
        client.sendRequest("POST", "/v1/audio/speech", headers: headers, body: Array(body.utf8))
    }

    var openFiles: Int {
        (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/fd").count) ?? -1
    }

    /// Resident memory, MiB.
    var memory: Int {
        let status = (try? String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)) ?? ""
        return status.firstMatch(of: /VmRSS:\s+([0-9]+) kB/).flatMap { Int($0.output.1) }.map {
            $0 / 1024
        } ?? -1
    }

    static func eventually(within seconds: Double = 20, until condition: () -> Bool) -> Bool {
        let deadline = ContinuousClock.now + .seconds(seconds)
        while ContinuousClock.now < deadline {
            if condition() { return true }
            usleep(10_000)
        }
        return condition()
    }
}
