#!/usr/bin/env python3
"""Times official F5-TTS and Skald in alternation, with the same weights on the same cores, and compares
what they say: bench_torch.py MODELS [--frames N] [--rounds N]"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from server import BINARY, REPOSITORY  # noqa: E402

import official  # noqa: E402
import soundfile  # noqa: E402
import torch  # noqa: E402
from f5_tts.infer import utils_infer  # noqa: E402
from f5_tts.model import DiT  # noqa: E402
from f5_tts.model.modules import MelSpec  # noqa: E402

NAME = "F5TTS_v1_Base"
# `configs/F5TTS_v1_Base.yaml` of the f5-tts package.
ARCHITECTURE = dict(
    dim=1024, depth=22, heads=16, ff_mult=2, text_dim=512, text_mask_padding=True,
    qk_norm=None, conv_layers=4, pe_attn_head=None,
)  # fmt: skip
TEXT = "The kettle is on, and the bread is still warm."
NFE, SECONDS, SEED = 7, 8.0, 42
PRECISIONS = ("f32", "bf16", "int8")
COMPARED_WITH = ("torch float32", "torch bfloat16", "skald bf16")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", type=Path)
    parser.add_argument("--frames", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    cores = len(os.sched_getaffinity(0))
    torch.set_num_threads(cores)
    exact = load(arguments.models)
    half = load(arguments.models).to(torch.bfloat16)
    times: dict[str, list[float]] = {}
    for round in range(arguments.rounds):
        for name, model in (("torch float32", exact), ("torch bfloat16", half)):
            times.setdefault(name, []).append(official_step(model, arguments.frames))
        for precision in PRECISIONS:
            step = skald_step(arguments.models, precision, arguments.frames)
            times.setdefault(f"skald {precision}", []).append(step)
        print(f"round {round + 1}: " + ", ".join(f"{k} {v[-1]:.3f} s" for k, v in times.items()), flush=True)
    print(f"\nOne guided step of {arguments.frames} frames, {NAME}, {cores} cores, fastest of {arguments.rounds}:")
    best = {name: min(found) for name, found in times.items()}
    for name, seconds in best.items():
        ratios = ", ".join(f"{best[other] / seconds:.2f}x {other}" for other in COMPARED_WITH)
        print(f"  {name:15} {seconds:7.3f} s   {ratios}")
    print(f"\n{NFE} steps and the vocoder, {SECONDS} s with the reference, seed {SEED}, against torch float32:")
    compare(exact, arguments.models)


def load(models: Path):
    folder = models / NAME
    return utils_infer.load_model(
        DiT, ARCHITECTURE, str(folder / "model.safetensors"), vocab_file=str(folder / "vocab.txt"), device="cpu"
    ).eval()


@torch.inference_mode()
def official_step(model, frames: int) -> float:
    """The fastest of three evaluations with guidance, the text embedded before."""
    dtype = next(model.parameters()).dtype
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(1, frames, 100, generator=generator).to(dtype)
    known = torch.zeros(1, frames, 100, dtype=dtype)
    text = torch.arange(frames // 6)[None] % 2000
    fastest = float("inf")
    model.transformer.clear_cache()
    for attempt in range(4):
        start = time.perf_counter()
        flow = model.transformer(
            x=x, cond=known, text=text, time=torch.tensor(0.3, dtype=dtype), cfg_infer=True, cache=True
        )
        conditional, free = torch.chunk(flow, 2, dim=0)
        conditional + (conditional - free) * 2
        if attempt > 0:  # the first embeds the text
            fastest = min(fastest, time.perf_counter() - start)
    model.transformer.clear_cache()
    return fastest


def skald_step(models: Path, precision: str, frames: int) -> float:
    figures = skald(
        "bench", "step", "--models", models, "--model", NAME, "--precision", precision, "--frames", frames,
        "--steps", 3, "--json",
    )  # fmt: skip
    return json.loads(figures)["step_seconds"]


def skald(*arguments) -> str:
    command = [str(BINARY), *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@torch.inference_mode()
def compare(exact, models: Path):
    heart = REPOSITORY / "voices/heart"
    reference_text = json.loads((heart / "voice.json").read_text())["ref_text"]
    vocoder = official.load_vocoder(models / "vocos-mel-24khz")
    options = dict(nfe_step=NFE, fix_duration=SECONDS)

    # In bfloat16 PyTorch draws other noise from the same seed: what it says is no measure.
    wave, _ = official.speak(exact, vocoder, heart / "reference.wav", reference_text, TEXT, SEED, **options)
    expected = torch.from_numpy(wave).float().clamp(-1, 1)
    with tempfile.TemporaryDirectory() as folder:
        for precision in PRECISIONS:
            path = Path(folder) / f"{precision}.wav"
            skald(
                "speak", TEXT, "--models", models, "--model", NAME, "--precision", precision,
                "--ref", heart / "reference.wav", "--ref-text", reference_text, "--seed", SEED, "--nfe", NFE,
                "--fix-duration", SECONDS, "-o", path,
            )  # fmt: skip
            samples, _ = soundfile.read(path, dtype="float32")
            report(f"skald {precision}", torch.from_numpy(samples), expected)


def report(name: str, found: torch.Tensor, expected: torch.Tensor):
    assert len(found) == len(expected), (name, len(found), len(expected))
    difference = found - expected
    ratio = 10 * torch.log10((expected**2).sum() / (difference**2).sum().clamp_min(1e-30))
    mel = MelSpec(mel_spec_type="vocos")
    mels = (mel(found[None]) - mel(expected[None])).abs()
    print(
        f"  {name:15} audio: largest difference {difference.abs().max():.1e}, {ratio:.1f} dB below; "
        f"log mel: largest {mels.max():.1e}, mean {mels.mean():.1e}",
        flush=True,
    )


if __name__ == "__main__":
    main()
