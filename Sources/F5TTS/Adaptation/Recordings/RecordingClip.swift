/// A piece of a recording and its words: what training takes, before anything is decoded again.
package struct RecordingClip: Sendable, Equatable {
    /// What people know it by: the recording's name, and where in it the clip is when it is a part.
    package let name: String
    /// The recording; never told to clients.
    package let path: String
    /// Frames of the recording at its own rate; `nil` is all of it.
    package let frames: Range<Int>?
    package let text: String

    package init(name: String, path: String, frames: Range<Int>?, text: String) {
        self.name = name
        self.path = path
        self.frames = frames
        self.text = text
    }
}
