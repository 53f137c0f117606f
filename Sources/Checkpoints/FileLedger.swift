import Foundation
import Synchronization
import Tensors

/// Answers from a file and keeps account of what was asked, found and left over.
final class FileLedger: Ledger {
    private let resolved: ResolvedWeights
    private var requests: [String: Int] = [:]
    private var taken: [(name: String, tensor: Tensor)] = []
    private var missing: [String] = []
    private var misshapen: [(name: String, found: [Int], wanted: [Int])] = []
    private var failure: CheckpointError?
    /// The first matrix that was packed and is not finite.
    private var notFinite: String?

    init(_ resolved: ResolvedWeights) { self.resolved = resolved }

    func has(_ name: String) -> Bool { resolved.tensors[name] != nil }

    func take(_ name: String, _ shape: [Int]) -> Tensor {
        guard let tensor = find(name, shape) else { return ZeroPages.tensor(shape) }
        taken.append((name, tensor))
        return tensor
    }

    /// A packed matrix is a copy: its values are checked and their memory given back at once, so that
    /// packing a model takes as much memory as what it makes.
    func takeMatrix(_ name: String, _ shape: [Int], _ precision: Precision) -> WeightMatrix {
        guard let tensor = find(name, shape) else {
            return .master(ZeroPages.tensor(shape), precision)
        }
        if notFinite == nil, !tensor.isFinite { notFinite = name }
        defer { tensor.storage.releasePages() }
        return WeightMatrix(tensor, precision)
    }

    /// The values of a parameter; nil, and noted, when the file does not have them so.
    private func find(_ name: String, _ shape: [Int]) -> Tensor? {
        requests[name, default: 0] += 1
        guard let stored = resolved.tensors[name] else {
            missing.append(name)
            return nil
        }
        guard stored.shape == shape else {
            misshapen.append((name, stored.shape, shape))
            return nil
        }
        do throws(CheckpointError) {
            return try stored.tensor()
        } catch {
            failure = failure ?? error
            return nil
        }
    }

    /// Refuses unless every parameter was filled exactly once and is finite.
    func settle(ignoring: (String) -> Bool) throws(CheckpointError) {
        if let failure { throw failure }
        let unexpected = resolved.tensors.keys.filter { requests[$0] == nil && !ignoring($0) }
        let repeated = requests.filter { $0.value > 1 }.keys
        var faults: [String] = []
        func report(_ label: String, _ names: [String]) {
            guard !names.isEmpty else { return }
            let shown = names.sorted().prefix(20).joined(separator: ", ")
            let rest = names.count > 20 ? " and \(names.count - 20) more" : ""
            faults.append("\(label) \(shown)\(rest)")
        }
        report("missing", missing)
        report(
            "misshapen",
            misshapen.map { "\($0.name) (is \($0.found), should be \($0.wanted))" })
        report("unexpected", unexpected)
        report("asked for more than once", Array(repeated))
        guard faults.isEmpty else {
            let named = [missing.first, misshapen.first?.name, unexpected.first].compactMap { $0 }
            throw CheckpointError(
                .doesNotFit, file: resolved.file,
                tensor: missing.count + misshapen.count + unexpected.count == 1 ? named[0] : nil,
                "does not fit the architecture: " + faults.joined(separator: "; ")
                    + ". Check that the model's config.yaml (or --arch) describes these weights")
        }
        try checkFinite()
    }

    /// Refuses NaN and infinity, which would otherwise come out as noise or silence.
    ///
    /// Reads every value that was not packed once, on all cores; the pages of a mapped file have to be
    /// read in any case.
    private func checkFinite() throws(CheckpointError) {
        let tensors = taken
        let worst = Mutex<Int?>(nil)
        DispatchQueue.concurrentPerform(iterations: tensors.count) { index in
            if !tensors[index].tensor.isFinite {
                worst.withLock { $0 = min($0 ?? index, index) }
            }
        }
        if let name = notFinite ?? worst.withLock({ $0 }).map({ tensors[$0].name }) {
            throw CheckpointError(
                .notFinite, file: resolved.file, tensor: name,
                "holds NaN or infinity; the training diverged or the file is damaged: "
                    + "use an earlier checkpoint")
        }
    }
}
