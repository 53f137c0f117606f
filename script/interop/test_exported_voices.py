"""Adapted voices, exported and read by PyTorch and official F5-TTS: the same tensors, the same speech."""

import json
import zipfile
from io import BytesIO

import numpy as np
import pytest
import soundfile
from conftest import VOCODER, skald
from test_adaptation import recordings

official = pytest.importorskip("official", reason="no CPU build of PyTorch here", exc_type=ImportError)
import torch  # noqa: E402
from f5_tts.model.modules import MelSpec  # noqa: E402
from safetensors.torch import load_file  # noqa: E402

TEXT = "The kettle is on, and the bread is still warm."
# As in test_official_audio: 16 bits cost 1.5e-5.
SAMPLES, MEL = 5e-5, 1e-4
KEYS = {"raw": "model_state_dict", "ema": "ema_model_state_dict"}


@pytest.fixture(scope="module", params=["full", "lora"])
def voice(request, models, tmp_path_factory):
    """A voice with raw and averaged weights that differ: its folder of versions, its export, how."""
    root = tmp_path_factory.mktemp(request.param)
    with zipfile.ZipFile(BytesIO(recordings())) as archive:
        archive.extractall(root / "recordings")
    folders = ["--models", models, "--data", root / "data"]
    rank = ["--rank", 4] if request.param == "lora" else []
    skald(
        "adapt", root / "recordings", "--voice", "ada", "--model", "tiny_v1", *folders, "--method", request.param,
        "--updates", 12, "--ema-start-update", 4, "--learning-rate", 0.01, "--batch-frames", 250, *rank,
        "--check-every", 6, "--hold-out", 2, "--work", root / "work",
    )  # fmt: skip
    skald("voices", "export", "ada", root / "ada.pt", *folders)
    return root / "data/voices/ada/versions/1", root / "ada.pt", request.param, folders


def test_tensors_are_what_skald_holds(models, voice, report):
    version, exported, method, _ = voice
    content = torch.load(exported, map_location="cpu", weights_only=True)
    base = load_file(models / "tiny_v1/model.safetensors")
    base = {name.removeprefix("ema_model."): tensor for name, tensor in base.items()}
    for kind, key in KEYS.items():
        held = load_file(version / f"{kind}.safetensors")
        held = {name.removeprefix("ema_model."): tensor for name, tensor in held.items()}
        found = {name.removeprefix("ema_model."): tensor for name, tensor in content[key].items()}
        exact = 0
        for name, tensor in base.items():
            if name in ("initted", "step", "update") or name.startswith("mel_spec."):
                continue
            expected = held.get(name, tensor)
            if (down := held.get(name + ".lora_A")) is not None:
                record = json.loads((version / "version.json").read_text())
                scale = record["options"]["lora_alpha"] / record["options"]["lora_rank"]
                merged = tensor.double() + scale * held[name + ".lora_B"].double() @ down.double()
                assert (found[name].double() - merged).abs().max() < 1e-6, name
                continue
            assert torch.equal(found[name], expected), name
            exact += 1
        report(f"exported {method}, {kind}: {exact} of {len(found)} tensors bit for bit, the others merged")


@pytest.mark.parametrize("kind", KEYS)
def test_official_speaks_the_same(models, voice, tmp_path, kind, report):
    version, exported, method, folders = voice
    model = official.load_model(models / "tiny_v1", exported, use_ema=kind == "ema")
    text = json.loads((version / "version.json").read_text())["reference"]["text"]
    reference = version / "reference.wav"
    expected, _ = official.speak(model, official.load_vocoder(VOCODER), reference, text, TEXT, 42, nfe_step=8)
    path = tmp_path / "speech.wav"
    skald(
        "speak", TEXT, "--model", "tiny_v1", *folders, "--voice", "ada@1", "--voice-weights", kind, "--seed", 42,
        "--nfe", 8, "-o", path,
    )  # fmt: skip
    found, _ = soundfile.read(path, dtype="float32")
    assert len(found) == len(expected)
    largest = np.abs(found - np.clip(expected, -1, 1 - 1 / 32768)).max()
    # Both as 16 bits; what is left are samples that were between two steps.
    expected = (np.round(np.clip(expected, -1, 1 - 1 / 32768) * 32768) / 32768).astype(np.float32)
    mel = MelSpec(mel_spec_type="vocos")
    mels = [mel(torch.from_numpy(wave)[None]) for wave in (found, expected)]
    mels = [m.exp() for m in mels]
    distance = (mels[0] - mels[1]).abs().mean().item()
    report(
        f"exported {method}, {kind}, official against Skald: largest difference {largest:.1e} (tolerance "
        f"{SAMPLES:.0e}), mel on average {distance:.1e} (tolerance {MEL:.0e})"
    )
    assert largest <= SAMPLES
    assert distance <= MEL
