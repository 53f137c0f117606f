"""The official F5-TTS on a CPU, offline: what it imports but does not need here gets a stand-in."""

import importlib.machinery
import os
import sys
import types
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
# Some OpenBLAS settings that suit old builds slow or break the current one inside NumPy.
os.environ.pop("OPENBLAS_CORETYPE", None)
os.environ.pop("OPENBLAS_L2_SIZE", None)


def _stand_in(name: str, **members):
    module = types.ModuleType(name)
    module.__spec__ = importlib.machinery.ModuleSpec(name, None)  # libraries ask whether it exists
    module.__dict__.update(members)
    sys.modules[name] = module


def _unavailable(*_, **__):
    raise RuntimeError("not available in this check")


_stand_in("encodec", EncodecModel=type("EncodecModel", (), {}))
_stand_in("wandb", api=types.SimpleNamespace(api_key=None))
_stand_in("transformers", pipeline=_unavailable)

import soundfile  # noqa: E402
import torch  # noqa: E402
import torchaudio  # noqa: E402
import yaml  # noqa: E402
from safetensors.torch import load_file  # noqa: E402


def _load_audio(path, *_, **__):
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    return torch.from_numpy(samples.T.copy()), rate


torchaudio.load = _load_audio  # the real one wants torchcodec and a build of FFmpeg

from f5_tts.infer import utils_infer  # noqa: E402
from f5_tts.model import DiT, UNetT  # noqa: E402
from vocos import Vocos  # noqa: E402

BACKBONES = {"DiT": DiT, "UNetT": UNetT}


def load_model(folder: Path, weights: Path | None = None, use_ema: bool = True):
    """The official model of a folder with config.yaml, vocab.txt and weights."""
    config = yaml.safe_load((folder / "config.yaml").read_text())["model"]
    return utils_infer.load_model(
        BACKBONES[config["backbone"]],
        config["arch"],
        str(weights or folder / "model.safetensors"),
        vocab_file=str(folder / "vocab.txt"),
        use_ema=use_ema,
        device="cpu",
    )


def load_vocoder(folder: Path):
    """The official Vocos with weights from safetensors, where the official loader wants a .bin."""
    vocoder = Vocos.from_hparams(str(folder / "config.yaml"))
    weights = load_file(folder / "model.safetensors")
    found = vocoder.load_state_dict({k: v.float() for k, v in weights.items()}, strict=False)
    # The mel tables are constants that decoding does not read.
    missing = [name for name in found.missing_keys if not name.startswith("feature_extractor.")]
    assert not missing and not found.unexpected_keys, found
    return vocoder.eval()


class _OneAtATime:
    """Runs submitted work at once: upstream's threads would draw from one generator in any order."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return False

    def submit(self, work, *arguments):
        result = work(*arguments)
        return types.SimpleNamespace(result=lambda: result)


def speak(model, vocoder, reference, reference_text, text, seed, **options):
    """Upstream's `infer_process`, chunk k drawing its noise from a generator seeded with seed + k.

    Returns the samples at 24 kHz and the generated mel, [100, frames].
    """
    audio, prepared_text = utils_infer.preprocess_ref_audio_text(
        str(reference), reference_text, show_info=lambda _: None
    )
    upstream, chunk = model.sample, 0

    def seeded(*arguments, **keywords):
        nonlocal chunk
        torch.manual_seed(seed + chunk)
        chunk += 1
        return upstream(*arguments, **keywords)

    model.sample = seeded
    utils_infer.ThreadPoolExecutor = _OneAtATime
    try:
        wave, rate, mel = utils_infer.infer_process(
            audio,
            prepared_text,
            text,
            model,
            vocoder,
            show_info=lambda _: None,
            progress=None,
            device="cpu",
            **options,
        )
    finally:
        model.sample = upstream
    assert rate == 24_000
    return wave, mel
