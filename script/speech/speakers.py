"""Synthetic speakers: `heart`, and eleven more made from it.

Speech comes from hibari (PyPI `hibari-tts`, Apache-2.0), whose one voice, `heart`, is a small student
of a voice of Kokoro-82M (Apache-2.0). The others take hibari's source-filter parameters and change
fundamental, formants, pace and spectral tilt; their prosody stays heart's. No person's voice is copied.
"""

import re
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import onnx
import onnxruntime
from hibari import Hibari, dsp
from scipy.ndimage import gaussian_filter1d
from scipy.signal import resample_poly

SAMPLE_RATE = 24_000


@dataclass(frozen=True)
class Shift:
    """How a speaker differs from heart; 1 (tilt: 0) leaves a property as it is."""

    formants: float = 1.0  # resampling factor: below 1 lowers formants and pitch together
    pitch: float = 1.0  # factor on the fundamental, on top of the resampling
    range: float = 1.0  # exponent on the fundamental's excursions
    pace: float = 1.0
    tilt: float = 0.0  # log-amplitude slope from the lowest to the highest band


SPEAKERS = {
    "heart": None,
    "hv1": Shift(formants=0.86, pitch=0.75, range=1.1, pace=0.97),
    "hv2": Shift(formants=0.80, pitch=0.70, range=0.9, pace=0.95, tilt=-0.5),
    "hv3": Shift(formants=0.91, pitch=0.63, pace=1.04),
    "hv4": Shift(formants=0.94, pitch=0.88),
    "hv5": Shift(formants=1.10, pitch=1.04, range=1.2, pace=1.05),
    "hv6": Shift(formants=1.17, pitch=1.12),
    "hv7": Shift(formants=0.88, range=1.3, tilt=-0.3),
    "hv8": Shift(formants=1.04, pitch=0.86, range=0.8, pace=0.95, tilt=0.4),
    "hv9": Shift(formants=0.97, pitch=0.72),
    "hv10": Shift(formants=1.06, pitch=1.15, range=1.1),
    "hv11": Shift(formants=0.84, pitch=0.95, range=0.8, pace=0.98),
}


# F5-TTS with average upsampling spreads text evenly over the frames of its speech. A small model hardly
# finds out how far from there each letter is really spoken (docs/training.md); so it is spoken about there.
EVENNESS = 0.9

# Where hibari's graph keeps how long each phoneme lasts.
DURATIONS = "/Cast_32_output_0"
PUNCTUATION = ".,!?"
# Of hibari's graph.
FRAMES_PER_SECOND = 40
# Seconds a letter has in even rhythm: six frames of mel, whoever speaks. Utterances that follow each other
# then are as even as each of them is. A whole number, for F5-TTS gives letters whole frames: where there are
# more, the last letters get them all.
LETTER = 0.064
# What F5-TTS hears as silence at the ends of a reference, dBFS in 10 ms, and the seconds that it keeps after it.
# Recordings end like references, so that a voice made from one of them has the pace that the model knows.
SILENCE, AFTER = -42, 0.05
# How much shorter and longer a word may become in even rhythm: factors, and frames beyond the longest for
# words like "you" that hibari hardly speaks at all.
LEAST, MOST, EXTRA = 0.65, 1.8, 2
# Frames of the last phoneme at most (what hibari gives it beyond is silence), and the seconds before its end
# when it can no longer be heard.
LAST, FADED = 4, 0.12
# A pause between words may shrink to this factor.
LEAST_PAUSE = 0.3


class Narrator:
    """Speaks a sentence as one of `SPEAKERS`; the same arguments give the same samples."""

    def __init__(self, evenness: float = EVENNESS):
        """`evenness`: 0 for hibari's own rhythm, 1 for words exactly where evenly spread text has them."""
        self.evenness = evenness
        self.tts = Hibari(threads=1)
        self.durations, self.spectra = _halves(onnx.load(self.tts.model_path))

    def speak(self, text: str, speaker: str, seed: int, around: float = 0):
        """Returns float32 mono samples at 24 kHz, trimmed to the speech and `around` seconds of silence on both
        sides, levelled to 0.1 RMS and faded, and when each word of the text is spoken, (beginning, end) in seconds."""
        phonemes = self.tts.g2p(text)
        shift = SPEAKERS[speaker] or Shift()
        ids = self.tts.ids(phonemes)
        said = [c for c in phonemes if c in self.tts.vocab]
        inputs = {
            "ids": np.asarray([ids], np.int64),
            "speed": np.asarray([shift.pace / shift.formants], np.float32),
        }
        (durations,) = self.durations.run(None, inputs)
        words = _word_places(said)
        if len(words) != len(text.split()):
            raise ValueError(f"{len(words)} words were spoken of: {text}")
        if self.evenness:
            even = _even(durations.reshape(-1), words, text, self.evenness, shift)
            durations = even.reshape(durations.shape)
        spectra = [x[0] for x in self.spectra.run(None, inputs | {DURATIONS: durations})]
        if SPEAKERS[speaker] is None:
            wave = dsp.synth(*spectra, np.random.default_rng(seed))
        else:
            wave = self._shifted(spectra, shift, seed)
        borders = np.cumsum(durations.reshape(-1)) / durations.sum() * len(wave)
        # With the space that follows a text which another is joined to.
        wave, start = _tidied(wave, (len(text) + 1) * LETTER if self.evenness else 0, around)
        # The first id is silence: border k is where phoneme k begins.
        times = np.array([(borders[first], borders[last]) for first, last in words])
        inside = np.clip((times - start) / SAMPLE_RATE, 0, len(wave) / SAMPLE_RATE)
        return np.clip(wave, -1, 1), inside

    def _shifted(self, spectra, shift: Shift, seed: int) -> np.ndarray:
        harmonics, theta, noise, rest, phi, f0 = spectra
        voiced = f0 > 40
        if voiced.any():
            mean = np.exp(np.log(f0[voiced]).mean())
            moved = mean * shift.pitch * (f0 / mean).clip(1e-3) ** shift.range
            f0 = np.where(voiced, np.clip(moved, 50, 700), 0).astype(np.float32)
        # Lower voices have closer harmonics: their envelope needs more smoothing to stay one.
        sigma = 4 if shift.formants * shift.pitch < 0.8 else 3
        harmonics, noise, rest = (
            gaussian_filter1d(x, sigma, axis=0) for x in (harmonics, noise, rest)
        )
        if shift.tilt:
            slope = np.linspace(0, shift.tilt, harmonics.shape[0])[:, None].astype(np.float32)
            harmonics, noise, rest = harmonics + slope, noise + slope, rest + slope
        noise = np.logaddexp(2 * noise, 2 * rest) / 2
        wave = dsp.synth(
            harmonics, theta, noise, np.full_like(rest, -20), phi, f0, np.random.default_rng(seed)
        )
        if shift.formants != 1:
            ratio = Fraction(shift.formants).limit_denominator(50)
            wave = resample_poly(wave, ratio.denominator, ratio.numerator).astype(np.float32)
        return wave


def _halves(model):
    """Sessions of hibari's graph up to how long each phoneme lasts, and from there."""

    def session(graph):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        return onnxruntime.InferenceSession(
            graph.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )

    first, second = onnx.ModelProto(), onnx.ModelProto()
    first.CopyFrom(model)
    second.CopyFrom(model)
    between = onnx.helper.make_tensor_value_info(DURATIONS, onnx.TensorProto.INT64, None)
    del first.graph.output[:]
    first.graph.output.append(between)
    producer = next(node for node in second.graph.node if DURATIONS in node.output)
    second.graph.node.remove(producer)
    second.graph.input.append(between)
    return session(first), session(second)


def _word_places(said: list[str]) -> list[tuple[int, int]]:
    """Each word's first phoneme and the one after its last; marks and spaces belong to none."""
    words, word = [], []
    for place, phoneme in enumerate([*said, " "]):
        if phoneme == " ":
            words.append((word[0], word[-1] + 1))
            word = []
        elif phoneme not in PUNCTUATION:
            word.append(place)
    return words


def _even(durations, words, text: str, evenness: float, shift: Shift):
    """Durations with which each word is spoken about where evenly spread text has it.

    The phonemes of a word keep their proportions; what its limits do not allow is caught up by the words
    that follow.
    """
    # First and last border, where the text has the latter, least and greatest factor.
    spans = []
    for index, ((first, last), word) in enumerate(zip(words, re.finditer(r"[^ ]+", text))):
        marks = len(word[0]) - len(word[0].rstrip(PUNCTUATION))
        if index + 1 == len(words):
            spans.append((1 + first, 1 + last, word.end() + FADED / LETTER, LEAST, MOST))
        elif marks:
            following = 1 + words[index + 1][0]
            spans.append((1 + first, 1 + last, word.end() - marks, LEAST, MOST))
            spans.append((1 + last, following, word.end() + 1, LEAST_PAUSE, MOST))
        else:
            spans.append((1 + first, 1 + words[index + 1][0], word.end() + 1, LEAST, MOST))
    durations = durations.copy()
    # The last phoneme has the silence that follows, too.
    durations[words[-1][1]] = min(durations[words[-1][1]], LAST)
    natural = np.concatenate([[0], np.cumsum(durations)]).astype(float)
    begin, end = natural[1], natural[words[-1][1] + 1]
    # In the graph's frames, of which resampling makes more or fewer.
    letter = LETTER * FRAMES_PER_SECOND * shift.formants
    stretch = spans[-1][2] * letter / (end - begin)
    result = durations.astype(float)
    now = begin
    for left, right, place, least, most in spans:
        even = begin + place * letter
        own = begin + (natural[right] - begin) * stretch
        whole = natural[right] - natural[left]
        wanted = evenness * even + (1 - evenness) * own - now
        wanted = np.clip(wanted, least * whole, most * whole + EXTRA)
        result[left:right] *= wanted / max(whole, 1)
        now += wanted
    # Rounded so that sums stay.
    return np.diff(np.round(np.concatenate([[0], np.cumsum(result)]))).astype(np.int64)


def _tidied(wave: np.ndarray, least: float, around: float):
    """Without DC, at 0.1 RMS, without the silence at both ends, and with `AFTER` seconds of it at the end or what
    is wanting to `least` seconds, then `around` seconds more on both sides; and how many samples were cut off
    the beginning."""
    wave = wave - wave.mean()
    peak = np.abs(wave).max()
    active = wave[np.abs(wave) > peak * 0.02]
    wave = wave * min(0.1 / np.sqrt((active**2).mean()), 0.708 / peak)
    hop = SAMPLE_RATE // 100
    power = (wave[: len(wave) // hop * hop].reshape(-1, hop) ** 2).mean(1)
    loud = np.flatnonzero(power >= 10 ** (SILENCE / 10))
    start, end = loud[0] * hop, (loud[-1] + 1) * hop
    end = max(end + round(AFTER * SAMPLE_RATE), start + round(least * SAMPLE_RATE))
    more = round(around * SAMPLE_RATE)
    start, end = max(0, start - more), end + more
    wave = np.pad(wave, (0, max(0, end - len(wave))))[start:end]
    ramp = np.hanning(240).astype(np.float32)
    wave[:120] *= ramp[:120]
    wave[-120:] *= ramp[120:]
    return wave, start
