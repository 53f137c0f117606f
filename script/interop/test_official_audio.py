"""`skald speak` against the official `infer_process`: same model, reference, text and seed."""

import numpy as np
import pytest
import soundfile
from conftest import HEART, MODELS, VOCODER, reference_text, skald

official = pytest.importorskip("official", reason="no CPU build of PyTorch here", exc_type=ImportError)

ONE = "The kettle is on, and the bread is still warm."
LONG = (
    "The kettle is on, and the bread is still warm. Sit down for a moment, and tell me what the sea "
    "was like this morning. They say that the wind turns at noon, that the boats will be late, and "
    "that nobody minds. We have all the time in the world, and butter, and plum jam, and a fire. "
    "When you have eaten, we can walk along the cliff as far as the old lighthouse and back again."
)
CASES = {
    "default": (ONE, {"nfe_step": 32}),
    "seven steps": (ONE, {"nfe_step": 7}),
    "no guidance": (ONE, {"nfe_step": 8, "cfg_strength": 0.0}),
    "no sway": (ONE, {"nfe_step": 8, "sway_sampling_coef": None}),
    "slow": (ONE, {"nfe_step": 8, "speed": 0.7}),
    "short text": ("Yes.", {"nfe_step": 8}),
    "fixed duration": (ONE, {"nfe_step": 8, "fix_duration": 8.0}),
    "several chunks": (LONG, {"nfe_step": 8}),
    "several chunks, fixed duration": (LONG, {"nfe_step": 8, "fix_duration": 20.0}),
    "several chunks, no cross-fade": (LONG, {"nfe_step": 8, "cross_fade_duration": 0.0}),
}
FLAGS = {
    "nfe_step": "--nfe",
    "cfg_strength": "--cfg",
    "sway_sampling_coef": "--sway",
    "speed": "--speed",
    "fix_duration": "--fix-duration",
    "cross_fade_duration": "--cross-fade",
}
SEED = 42
# Rounding to 16 bits costs 1.5e-5; the rest is float32 arithmetic in another order, carried through
# every step and the vocoder.
TOLERANCE = 5e-5
# Every case with one model; what depends on the network with the others too.
PAIRS = [("tiny_v1", case) for case in CASES]
PAIRS += [
    (name, case)
    for name in MODELS
    for case in ("default", "seven steps", "several chunks")
    if name != "tiny_v1"
]


@pytest.fixture(scope="module")
def vocoder():
    return official.load_vocoder(VOCODER)


@pytest.mark.parametrize("name, case", PAIRS)
def test_same_seed_same_audio(models, vocoder, tmp_path, name, case, report):
    text, options = CASES[case]
    model = official.load_model(models / name)
    expected, _ = official.speak(
        model, vocoder, HEART / "reference.wav", reference_text(), text, SEED, **options
    )
    flags = [
        word
        for key, value in options.items()
        for word in (FLAGS[key], "none" if value is None else str(value))
    ]
    path = tmp_path / "speech.wav"
    skald(
        "speak", text, "--models", models, "--model", name, "--ref", HEART / "reference.wav",
        "--ref-text", reference_text(), "--seed", SEED, *flags, "-o", path,
    )  # fmt: skip
    found, rate = soundfile.read(path, dtype="float64")
    assert rate == 24000
    assert len(found) == len(expected)
    clipped = np.clip(expected.astype(np.float64), -1, 1 - 1 / 32768)
    difference = found - clipped
    largest = np.abs(difference).max()
    ratio = 10 * np.log10((clipped**2).mean() / (difference**2).mean())
    report(
        f"official, {name}, {case}: {len(found) / rate:.2f} s, peak {np.abs(clipped).max():.3f}, "
        f"largest difference {largest:.1e} (tolerance {TOLERANCE:.0e}), {ratio:.0f} dB below the speech"
    )
    assert largest <= TOLERANCE
