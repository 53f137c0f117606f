// swift-tools-version: 6.2
import PackageDescription

let swiftSettings: [SwiftSetting] = [
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

/// A test target beside each target it tests, all sharing `TestSupport`.
func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(
        name: name + "Tests",
        dependencies: [.init(stringLiteral: name), "TestSupport"] + dependencies,
        swiftSettings: swiftSettings)
}

func systemLibrary(_ name: String, pkgConfig: String, apt: String) -> Target {
    .systemLibrary(name: name, pkgConfig: pkgConfig, providers: [.apt([apt])])
}

let package = Package(
    name: "skald",
    products: [.executable(name: "skald", targets: ["skald"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
        .package(url: "https://github.com/groue/GRDB.swift", exact: "7.10.0"),
        .package(url: "https://github.com/jpsim/Yams", exact: "6.2.2"),
    ],
    targets: [
        systemLibrary("CSndFile", pkgConfig: "sndfile", apt: "libsndfile1-dev"),
        systemLibrary("CSampleRate", pkgConfig: "samplerate", apt: "libsamplerate0-dev"),
        systemLibrary("CMicroHTTPD", pkgConfig: "libmicrohttpd", apt: "libmicrohttpd-dev"),
        systemLibrary("CZlib", pkgConfig: "zlib", apt: "zlib1g-dev"),
        systemLibrary("CArchive", pkgConfig: "libarchive", apt: "libarchive-dev"),
        systemLibrary("CCurl", pkgConfig: "libcurl", apt: "libcurl4-openssl-dev"),
        .target(
            name: "CKernels",
            cSettings: [.treatAllWarnings(as: .error), .unsafeFlags(["-O3", "-fno-math-errno"])]),
        .target(name: "Tensors", dependencies: ["CKernels"], swiftSettings: swiftSettings),
        .target(
            name: "Checkpoints", dependencies: ["Tensors", "CZlib"], swiftSettings: swiftSettings),
        .target(
            name: "Audio", dependencies: ["Tensors", "CSndFile", "CSampleRate", "CZlib"],
            swiftSettings: swiftSettings),
        .target(name: "TextFrontEnd", swiftSettings: swiftSettings),
        .target(
            name: "F5TTS",
            dependencies: [
                "Tensors", "Checkpoints", "Audio", "TextFrontEnd", "CArchive", "CCurl",
                .product(name: "Yams", package: "Yams"),
            ],
            swiftSettings: swiftSettings),
        .target(
            name: "SpeechServer",
            dependencies: [
                "F5TTS", "Checkpoints", "Audio", "TextFrontEnd", "Tensors", "CMicroHTTPD",
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: swiftSettings),
        .executableTarget(
            name: "skald",
            dependencies: [
                "SpeechServer", "F5TTS", "Checkpoints", "Audio", "TextFrontEnd", "Tensors",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: swiftSettings),
        .target(
            name: "TestSupport", dependencies: ["Tensors", "Checkpoints", "Audio"],
            path: "Tests/TestSupport",
            swiftSettings: swiftSettings),
        .target(name: "AMXModel", dependencies: ["CKernels"], path: "Tests/AMXModel"),
        tests("Tensors", ["CKernels", "AMXModel"]),
        tests("Checkpoints", ["Tensors"]),
        tests("Audio", ["Tensors"]),
        tests("TextFrontEnd", []),
        tests("F5TTS", ["Tensors", "Checkpoints", "Audio", "TextFrontEnd"]),
        tests("skald", ["F5TTS", "Audio"]),
        tests("SpeechServer", ["F5TTS", "Audio"]),
    ],
    swiftLanguageModes: [.v6])
