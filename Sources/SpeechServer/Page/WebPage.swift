/// The page at `/`: type a text, hear it while it is made, add a voice. One document that asks for
/// nothing from anywhere else.
package enum WebPage {
    /// The page, and the policy that lets a browser run this script and nothing more.
    ///
    /// - Parameter nonce: drawn for each answer; what an attacker could smuggle in lacks it.
    /// - Returns: 200, HTML.
    package static func response(nonce: String) -> Response {
        let policy = [
            "default-src 'none'", "script-src 'nonce-\(nonce)'", "style-src 'nonce-\(nonce)'",
            "connect-src 'self'", "media-src blob:", "img-src data:", "base-uri 'none'",
            "form-action 'none'", "frame-ancestors 'none'",
        ]
        return Response(
            headers: [
                "Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-cache",
                "Content-Security-Policy": policy.joined(separator: "; "),
                // With none at all, some browsers do not say either that a request is this page's own.
                "Referrer-Policy": "same-origin",
            ], body: .bytes(Array(document(nonce: nonce).utf8)))
    }

    private static func document(nonce: String) -> String {
        """
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <title>Skald</title>
        <link rel="icon" href="data:,">
        <style nonce="\(nonce)">
        \(style)
        </style>
        </head>
        \(markup)
        <script nonce="\(nonce)">
        \(script)
        </script>
        </html>
        """
    }
}

extension SpeechService {
    func addPage(to router: inout Router) {
        router.add("GET", "/", access: .open) { request in
            // Request ids may be chosen by the client, so the nonce is drawn by itself.
            WebPage.response(nonce: String(UInt64.random(in: .min ... .max), radix: 36))
        }
    }
}
