import Foundation

/// The one name of what is at a path, whatever links lead to it; nil where nothing is.
package func realPath(_ path: String) -> String? {
    guard let resolved = realpath(path, nil) else { return nil }
    defer { free(resolved) }
    return String(cString: resolved)
}
