import F5TTS
import Foundation
import Logging
import Synchronization
import TestSupport
import Testing

@testable import SpeechServer

extension OverSockets {
    /// The transport with small routes of its own, over real sockets.
    @Suite struct HTTPDaemonTests {
        private func daemon(
            _ limits: HTTPLimits = HTTPLimits(), key: String? = nil, allowedOrigin: String? = nil,
            allowedHosts: AllowedHosts? = nil, _ add: (inout Router) -> Void = { _ in }
        ) throws -> HTTPDaemon {
            var router = Router()
            router.add("GET", "/hello", access: .open) { _ in
                Response(headers: ["Content-Type": "text/plain"], body: .bytes(Array("hello".utf8)))
            }
            router.add("POST", "/echo", bodyLimit: 1000) { Response(body: .bytes($0.body)) }
            router.add("GET", "/things/:name") {
                .json(["name": .string($0.parameters["name"] ?? "")])
            }
            add(&router)
            let service = HTTPService(
                router: router, authorization: Authorization(key: key),
                allowedOrigin: allowedOrigin, allowedHosts: allowedHosts)
            return try HTTPDaemon(
                socket: ListeningSocket(host: "127.0.0.1", port: 0), service: service,
                limits: limits,
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        }

        private func error(_ answer: SocketClient.Answer) throws -> JSONValue {
            try #require(try JSONParser.parse(answer.body)["error"])
        }

        @Test func answersAndKeepsTheConnection() throws {
            let daemon = try daemon()
            defer { daemon.stop() }
            let client = try SocketClient(port: daemon.port)
            for _ in 0..<3 {
                let answer = try client.request("GET", "/hello")
                #expect(answer.status == 200)
                #expect(answer.text == "hello")
                #expect(answer.headers["x-request-id"]?.count == 16)
                #expect(answer.headers["x-content-type-options"] == "nosniff")
            }
            let echo = try client.request("POST", "/echo", body: Array("abc".utf8))
            #expect(echo.text == "abc")
            #expect(daemon.openConnections == 1)
        }

        @Test func headIsGetWithoutTheBody() throws {
            let daemon = try daemon()
            defer { daemon.stop() }
            let client = try SocketClient(port: daemon.port)
            let head = try client.request("HEAD", "/hello")
            #expect(head.status == 200)
            #expect(head.headers["content-length"] == "5")
            #expect(try client.request("GET", "/hello").text == "hello")
        }

        @Test func unknownPathAndMethod() throws {
            let daemon = try daemon()
            defer { daemon.stop() }
            let client = try SocketClient(port: daemon.port)
            let missing = try client.request("GET", "/nothing")
            #expect(missing.status == 404)
            let fields = try error(missing)
            #expect(fields["type"]?.string == "invalid_request_error")
            #expect(fields["param"]?.isNull == true)
            #expect(fields["code"]?.string == "not_found")
            let wrong = try client.request("DELETE", "/hello")
            #expect(wrong.status == 405)
            #expect(wrong.headers["allow"] == "GET, HEAD")
            #expect(try client.request("OPTIONS", "/echo").headers["allow"] == "POST")
        }

        @Test func pathsAreDecodedStrictly() throws {
            let daemon = try daemon()
            defer { daemon.stop() }
            let client = try SocketClient(port: daemon.port)
            let answer = try client.request("GET", "/things/a%2Fb%C3%A9?x=1")
            #expect(try JSONParser.parse(answer.body)["name"]?.string == "a/bé")
            for path in ["/things/%00", "/things/%zz", "/things/%ff", "/things/%4"] {
                #expect(try client.request("GET", path).status == 400, "\(path)")
            }
            #expect(try client.request("GET", "/things/").status == 404)
            #expect(try client.request("GET", "http://host:1/hello").text == "hello")
        }

        @Test func keyIsAskedForBeforeTheBody() throws {
            let daemon = try daemon(key: "secret")
            defer { daemon.stop() }
            let client = try SocketClient(port: daemon.port)
            #expect(try client.request("GET", "/hello").status == 200)
            let refused = try client.request("GET", "/things/a")
            #expect(refused.status == 401)
            #expect(refused.headers["www-authenticate"] == "Bearer")
            #expect(try error(refused)["code"]?.string == "invalid_api_key")
            for value in [
                "Bearer wrong", "Bearer secre", "Bearer secrets", "Basic secret", "secret",
            ] {
                let answer = try client.request(
                    "GET", "/things/a", headers: ["Authorization": value])
                #expect(answer.status == 401, "\(value)")
            }
            for value in ["Bearer secret", "bearer secret"] {
                let answer = try client.request(
                    "GET", "/things/a", headers: ["Authorization": value])
                #expect(answer.status == 200, "\(value)")
            }
            client.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 900\r\n\r\n")
            #expect(try client.answer().status == 401)
        }

        @Test func requestIDsAreTakenOnlyWhenHarmless() throws {
            let daemon = try daemon()
            defer { daemon.stop() }
            let client = try SocketClient(port: daemon.port)
            let good = try client.request("GET", "/hello", headers: ["X-Request-Id": "a-1_b.c"])
            #expect(good.headers["x-request-id"] == "a-1_b.c")
            let bad = try client.request("GET", "/hello", headers: ["X-Request-Id": "a b"])
            #expect(bad.headers["x-request-id"] != "a b")
        }

        @Test func bodyLimitIsCheckedWhileReceiving() throws {
            let daemon = try daemon()
            defer { daemon.stop() }
            // Declared: refused at the header, although nothing of it has been sent.
            let declared = try SocketClient(port: daemon.port)
            declared.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 104857600\r\n\r\n")
            let answer = try declared.answer()
            #expect(answer.status == 413)
            #expect(answer.headers["connection"]?.lowercased() == "close")
            // Declared, and sent without waiting: the answer still arrives.
            let eager = try SocketClient(port: daemon.port)
            eager.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1048576\r\n\r\n")
            eager.send([UInt8](repeating: 65, count: 1_048_576))
            #expect(try eager.answer().status == 413)
            // Undeclared: dropped while it comes, refused at its end.
            let chunked = try SocketClient(port: daemon.port)
            chunked.send("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
            for _ in 0..<3 { chunked.send("190\r\n" + String(repeating: "x", count: 400) + "\r\n") }
            chunked.send("0\r\n\r\n")
            #expect(try chunked.answer().status == 413)
            // Undeclared and without end: cut off.
            let endless = try SocketClient(port: daemon.port)
            endless.send("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
            var sent = 0
            while sent < 10_000_000,
                endless.send("1000\r\n" + String(repeating: "x", count: 4096) + "\r\n")
            { sent += 4096 }
            #expect(sent < 10_000_000)
            #expect(daemon.bodyBytesInMemory == 0)
        }

        @Test func slowClientsAreCutOff() throws {
            var limits = HTTPLimits()
            limits.headerSeconds = 1
            limits.bodySeconds = 1
            let daemon = try daemon(limits)
            defer { daemon.stop() }
            // A header that comes byte by byte, always in time for an idle limit, never whole.
            let dripping = try SocketClient(port: daemon.port)
            let start = ContinuousClock.now
            for byte in Array("GET /hello HTTP/1.1\r\nHost: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa".utf8)
            {
                guard dripping.send([byte]) else { break }
                usleep(40_000)
            }
            #expect(dripping.receiveToEnd().isEmpty)
            #expect(ContinuousClock.now - start < .seconds(10))
            let half = try SocketClient(port: daemon.port)
            half.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc")
            #expect(half.receiveToEnd().isEmpty)
            let silent = try SocketClient(port: daemon.port)
            #expect(silent.receiveToEnd().isEmpty)
            let good = try SocketClient(port: daemon.port)
            #expect(try good.request("GET", "/hello").status == 200)
        }

        /// More than sockets hold, read slowly but steadily: that takes longer than a client may be idle.
        @Test func aSteadyReaderGetsAWholeFile() throws {
            var limits = HTTPLimits()
            limits.sendSeconds = 3
            let folder = try TemporaryFolder()
            defer { withExtendedLifetime(folder) {} }
            let size = 24 << 20
            let path = try folder.write([UInt8](repeating: 65, count: size), as: "file")
            let daemon = try daemon(limits) { router in
                router.add("GET", "/file", access: .open) { _ in
                    guard let file = OpenedFile(path: path) else { return Response(404) }
                    return Response(body: .file(file))
                }
            }
            defer { daemon.stop() }
            let client = try SocketClient(port: daemon.port)
            client.sendRequest("GET", "/file")
            let began = ContinuousClock.now
            var received = 0
            while received < size {
                let bytes = client.receive()
                if bytes.isEmpty { break }
                received += bytes.count
                usleep(10_000)
            }
            #expect(received >= size)
            #expect(ContinuousClock.now - began > .seconds(limits.sendSeconds))
            let head = try SocketClient(port: daemon.port).request("HEAD", "/file")
            #expect(head.headers["content-length"] == String(size))
        }

        @Test func preflightOnlyWhenAnOriginIsAllowed() throws {
            let open = try daemon(allowedOrigin: "https://a.example")
            defer { open.stop() }
            let client = try SocketClient(port: open.port)
            let origin = ["Origin": "https://a.example", "Access-Control-Request-Method": "POST"]
            let preflight = try client.request("OPTIONS", "/echo", headers: origin)
            #expect(preflight.status == 204)
            #expect(preflight.headers["access-control-allow-origin"] == "https://a.example")
            #expect(preflight.headers["access-control-allow-methods"] == "POST")
            // The `openai` package has fields of its own.
            let fields = "authorization, content-type, x-stainless-lang, x-stainless-os"
            let asked = origin.merging(["Access-Control-Request-Headers": fields]) { $1 }
            for (headers, allowed) in [
                (origin, "Authorization, Content-Type, X-Request-Id"), (asked, fields),
            ] {
                let answer = try client.request("OPTIONS", "/echo", headers: headers)
                #expect(answer.headers["access-control-allow-headers"] == allowed)
            }
            // Every header of ours that docs/http.md names can be read by the page.
            let exposed = preflight.headers["access-control-expose-headers"] ?? ""
            let names = exposed.split(separator: ",").map { $0.filter { $0 != " " } }
            #expect(
                Set(names) == [
                    "X-Request-Id", "X-Skald-Seed", "X-Skald-Sample-Rate", "X-Skald-Latency",
                    "Retry-After",
                ])
            let closed = try daemon()
            defer { closed.stop() }
            let other = try SocketClient(port: closed.port)
            #expect(try other.request("OPTIONS", "/echo", headers: origin).status == 405)
            let foreign = ["Sec-Fetch-Site": "cross-site", "Origin": "https://a.example"]
            #expect(try other.request("GET", "/things/a", headers: foreign).status == 403)
            #expect(try client.request("GET", "/things/a", headers: foreign).status == 200)
        }

        /// Over plain HTTP from another machine, browsers only say where a page is from.
        @Test func pagesAreKnownByTheirOrigin() throws {
            let daemon = try daemon()
            defer { daemon.stop() }
            let client = try SocketClient(port: daemon.port)
            for (host, origin, status) in [
                ("box.lan:8080", "http://box.lan:8080", 200), ("box.lan", "https://Box.Lan", 200),
                ("[::1]:8080", "http://[::1]:8080", 200),
                ("box.lan:8080", "http://box.lan:9090", 403), ("box.lan", "null", 403),
                ("box.lan", "https://a.example", 403), ("box.lan", "box.lan", 403),
            ] {
                let headers = ["Host": host, "Origin": origin]
                let answer = try client.request("GET", "/things/a", headers: headers)
                #expect(answer.status == status, "\(origin) at \(host)")
            }
            // What the browser says itself counts for more, and a proxy may have another name for us.
            for (name, value) in [
                ("Sec-Fetch-Site", "same-origin"), ("X-Forwarded-Host", "a.example, b"),
            ] {
                let headers = ["Origin": "https://a.example", name: value]
                let answer = try client.request("GET", "/things/a", headers: headers)
                #expect(answer.status == 200, "\(name)")
            }
            let open = try self.daemon(allowedOrigin: "https://a.example")
            defer { open.stop() }
            let other = try SocketClient(port: open.port)
            for (origin, status) in [("https://a.example", 200), ("https://b.example", 403)] {
                let answer = try other.request("GET", "/things/a", headers: ["Origin": origin])
                #expect(answer.status == status, "\(origin)")
            }
        }

        @Test(arguments: [
            ("evil.example", 403), ("evil.example:8080", 403), ("127.0.0.1.evil.example", 403),
            ("local.evil.example", 403), ("[::ffff:1.2.3.x]", 403), ("a@evil.example", 403),
            ("127.0.0.1:80", 200), ("[::1]:80", 200), ("[::ffff:10.0.0.1]", 200),
            ("localhost", 200), ("skald:8080", 200), ("box.local", 200), ("a.localhost:1", 200),
            ("Speech.Example.:443", 200), ("speech.example", 200), ("x.speech.example", 403),
        ]) func pagesCannotCallItByAnyName(host: String, status: Int) throws {
            let daemon = try daemon(allowedHosts: AllowedHosts(["SPEECH.example:443"]))
            defer { daemon.stop() }
            let client = try SocketClient(port: daemon.port)
            let answer = try client.request("GET", "/things/a", headers: ["Host": host])
            #expect(answer.status == status)
            if status == 403 {
                #expect(try error(answer)["code"]?.string == "host_not_allowed")
                #expect(answer.text.contains("--allowed-hosts"))
            }
            // What anybody may see is nobody's secret.
            #expect(try client.request("GET", "/hello", headers: ["Host": host]).status == 200)
            #expect(AllowedHosts(["*"]).contains(host: host))
        }

        @Test func clientsWithoutANameForItAreNotBrowsers() throws {
            let daemon = try daemon(allowedHosts: AllowedHosts())
            defer { daemon.stop() }
            let client = try SocketClient(port: daemon.port)
            client.send("GET /things/a HTTP/1.0\r\n\r\n")
            #expect(try client.answer().status == 200)
        }

        @Test(arguments: [("127.0.0.1", true), ("0.0.0.0", false)])
        func itKnowsWhoCanConnect(host: String, isLoopback: Bool) throws {
            let socket = try ListeningSocket(host: host, port: 0)
            defer { close(socket.descriptor) }
            #expect(socket.isLoopback == isLoopback)
            #expect(socket.port > 0)
        }

        @Test func unexpectedErrorsTellNothing() throws {
            struct Secret: Error { let path = "/home/somebody/secret" }
            let daemon = try daemon { router in
                router.add("GET", "/fails") { _ in throw Secret() }
                router.add("GET", "/busy") { _ in
                    throw SpeechError(.busy, "Later.", retryAfterSeconds: 7)
                }
                router.add("GET", "/stopped") { _ in throw CancellationError() }
            }
            defer { daemon.stop() }
            let client = try SocketClient(port: daemon.port)
            let failed = try client.request("GET", "/fails")
            #expect(failed.status == 500)
            #expect(!failed.text.contains("secret"))
            #expect(try error(failed)["type"]?.string == "server_error")
            let busy = try client.request("GET", "/busy")
            #expect(busy.status == 429)
            #expect(busy.headers["retry-after"] == "7")
            let stopped = try client.request("GET", "/stopped")
            #expect(stopped.status == 503)
            #expect(stopped.headers["retry-after"] == "10")
        }
    }
}
