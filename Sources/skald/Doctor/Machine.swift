import Foundation
import Tensors

/// What this computer is, as Linux tells.
enum Machine {
    /// Instruction sets that matter to matrix work, as the kernel names them.
    private static let interesting: Set<String> = [
        "avx", "avx2", "fma", "f16c", "avx512f", "avx512bw", "avx512vl", "avx512_vnni",
        "avx512_bf16", "avx512_fp16", "avx_vnni", "amx_tile", "amx_bf16", "amx_int8", "asimd",
        "asimdhp", "asimddp", "bf16", "i8mm", "sve", "sve2",
    ]

    static func processor() -> HealthCheck {
        let facts = fields(of: "/proc/cpuinfo")
        let name = facts["model name"] ?? facts["CPU part"].map { "ARM part \($0)" } ?? "unknown"
        let flags = (facts["flags"] ?? facts["Features"] ?? "").split(separator: " ").map(
            String.init)
        let features = flags.filter(interesting.contains).joined(separator: " ")
        let cores = ProcessInfo.processInfo.activeProcessorCount
        return HealthCheck(
            "processor", .ok,
            "\(name), \(cores) core\(cores == 1 ? "" : "s"), "
                + (features.isEmpty ? "no vector extensions known" : features))
    }

    static func kernels() -> HealthCheck {
        let available = Kernels.available.map(\.rawValue)
        let detail =
            "level \(Kernels.level.rawValue) (this CPU has \(available.joined(separator: ", ")))"
        if let asked = Kernels.missingLevel {
            return HealthCheck(
                "kernels", .warning,
                detail + "; SKALD_CPU is \"\(asked)\", which is none of these: unset it")
        }
        if Kernels.tilesFail {
            return HealthCheck(
                "kernels", .warning,
                detail + "; its AMX tiles fault or compute wrongly and are not used")
        }
        return HealthCheck("kernels", .ok, detail)
    }

    static func threads() -> HealthCheck {
        let (threads, cores) = (Parallel.threads, Parallel.processors)
        guard threads <= cores else {
            return HealthCheck(
                "threads", .warning,
                "\(threads), more than there are cores to use (\(cores)): that is slower than "
                    + "\(cores)")
        }
        return HealthCheck("threads", .ok, "\(threads)")
    }

    /// Whether there is room for a model of `needed` bytes beside what runs already.
    static func memory(needed: Int) -> HealthCheck {
        guard let available = availableMemory() else {
            return HealthCheck("memory", .warning, "this system does not say how much is free")
        }
        let detail = "\(size(available)) available, the weights have \(size(needed))"
        // Scratch space and the copies of half-precision weights come on top of the file.
        guard available > needed + needed / 2 + (256 << 20) else {
            return HealthCheck(
                "memory", .warning, detail + ": close other programs, or use a smaller model")
        }
        return HealthCheck("memory", .ok, detail)
    }

    /// Bytes that can be had without swapping, within the container's limit if there is one.
    private static func availableMemory() -> Int? {
        guard let text = fields(of: "/proc/meminfo")["MemAvailable"],
            let kibibytes = Int(text.prefix { $0.isNumber })
        else { return nil }
        let free = kibibytes * 1024
        guard let limit = ControlGroup.memoryLimit, let used = ControlGroup.memoryInUse else {
            return free
        }
        return min(free, max(0, limit - used))
    }

    /// Bytes in the unit that suits them.
    private static func size(_ bytes: Int) -> String {
        bytes >= 1 << 30
            ? (Double(bytes) / Double(1 << 30)).decimals(1) + " GiB"
            : (Double(bytes) / Double(1 << 20)).decimals(1) + " MiB"
    }

    /// The first value of each `name: value` line.
    private static func fields(of path: String) -> [String: String] {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { return [:] }
        var fields: [String: String] = [:]
        for line in text.split(separator: "\n") {
            guard let colon = line.firstIndex(of: ":") else { continue }
            let name = line[..<colon].trimmingCharacters(in: .whitespaces)
            let value = line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
            if fields[name] == nil { fields[name] = value }
        }
        return fields
    }
}
