import Tensors

/// Some of the clips of a set.
struct ClipSelection: TrainingData {
    private let data: any TrainingData
    private let indices: [Int]

    init(_ data: any TrainingData, _ indices: [Int]) {
        self.data = data
        self.indices = indices
    }

    /// At most so many of the clips, evenly picked.
    init(_ data: any TrainingData, _ indices: [Int], most: Int) {
        let count = min(indices.count, most)
        self.init(data, (0..<count).map { indices[$0 * indices.count / count] })
    }

    var count: Int { indices.count }
    func frames(_ index: Int) -> Int { data.frames(indices[index]) }
    func mel(_ index: Int) -> Tensor { data.mel(indices[index]) }
    func text(_ index: Int) -> [Int] { data.text(indices[index]) }
}
