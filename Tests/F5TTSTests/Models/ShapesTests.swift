import Checkpoints
import Foundation
import TestSupport
import Testing

@testable import F5TTS

/// Names and shapes of the released models, and the configurations they are published with.
@Suite struct ShapesTests {
    @Test(arguments: KnownModels.names)
    func modelsAskForThePublishedTensors(name: String) throws {
        let published = try Fixtures.json("shapes/\(name).json", as: [String: JSONValue].self)
        let configuration = try #require(KnownModels.configuration(name))
        let asked = Weights.shapes { configuration.model($0) }
        #expect(asked.count == Set(asked.map(\.name)).count)
        let stored = published.filter { !Weights.isDerivedBuffer($0.key) }
        #expect(Set(asked.map(\.name)) == Set(stored.keys))
        for (name, shape) in asked {
            #expect(published[name]?[0]?.ints == shape, "\(name)")
        }
        let parameters = asked.reduce(0) { $0 + $1.shape.reduce(1, *) }
        let configs = try Fixtures.json("shapes/configs.json", as: [String: JSONValue].self)
        #expect(parameters == configs[name]?["parameters"]?.int)
    }

    /// JSON is YAML, so the published settings are read by the reader of `config.yaml` as they are.
    @Test(arguments: KnownModels.names)
    func knownModelsAreThePublishedConfigurations(name: String) throws {
        let url = Fixtures.url("shapes/configs.json")
        let all = try JSONSerialization.jsonObject(with: Data(contentsOf: url)) as? [String: Any]
        let model = try #require(all?[name] as? [String: Any])
        let folder = try TemporaryFolder()
        let yaml = try JSONSerialization.data(withJSONObject: ["model": model])
        let path = try folder.write(Array(yaml), as: "config.yaml")
        var read = try ModelConfiguration(contentsOf: path).backbone
        read.vocabularySize = 2545
        #expect(read == KnownModels.configuration(name))
        #expect(ArchitectureVersion(read) == (name.contains("v1") ? .v1 : .v0))
    }
}
