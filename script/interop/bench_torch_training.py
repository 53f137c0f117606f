#!/usr/bin/env python3
"""Times training steps of official F5-TTS in PyTorch and of Skald in alternation, on the same cores:
bench_torch_training.py [--rounds N] [--only base|small]

A step is forward, backward, clipping and update (Skald's also averages the weights) of utterances of 400
frames: of 2,000 frames in F5TTS_v1_Base's shape, of 4,000 in that of script/speech/nano.yaml. PyTorch's
bfloat16 is autocast, as official training has it. The fastest of all steps counts."""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from server import BINARY, REPOSITORY  # noqa: E402

import official  # noqa: E402, F401
import torch  # noqa: E402
import yaml  # noqa: E402
from f5_tts.model import CFM, DiT  # noqa: E402

FRAMES = 400
# After one that is not counted.
STEPS = 2
SMALL = REPOSITORY / "script/speech/nano.yaml"
# `configs/F5TTS_v1_Base.yaml` of the f5-tts package.
BASE = dict(dim=1024, depth=22, heads=16, ff_mult=2, text_dim=512, conv_layers=4, text_mask_padding=True)
CASES = {  # name: (architecture, vocabulary, utterances, model for Skald, Skald's variants)
    "base": (
        BASE, 2545, 5, "F5TTS_v1_Base",
        {"full f32": ("full", "f32"), "full bf16": ("full", "bf16"), "lora bf16": ("lora", "bf16")},
    ),
    "small": (
        yaml.safe_load(SMALL.read_text())["model"]["arch"], 64, 10, SMALL,
        {"full f32": ("full", "f32"), "full bf16": ("full", "bf16")},
    ),
}  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--only", choices=CASES)
    arguments = parser.parse_args()
    cores = len(os.sched_getaffinity(0))
    torch.set_num_threads(cores)
    for name in [arguments.only] if arguments.only else CASES:
        compare(name, arguments.rounds, cores)


def compare(name: str, rounds: int, cores: int):
    architecture, vocabulary, utterances, model, variants = CASES[name]
    times: dict[str, list[float]] = {}
    memory: dict[str, float] = {}
    for round in range(rounds):
        for kind in ("float32", "bfloat16"):
            # In a process of its own, so that its memory is not in the next one's way.
            call = [sys.executable, __file__, "--only", name]
            figures = json.loads(output(call, TORCH_STEP=kind, PYTHONPATH=os.path.dirname(__file__)))
            times.setdefault(f"torch {kind}", []).append(figures["seconds"])
            memory[f"torch {kind}"] = figures["bytes"]
        for variant, (method, precision) in variants.items():
            command = [BINARY, "bench", "train", "--model", model, "--method", method, "--json"]
            command += ["--precision", precision, "--frames", FRAMES, "--utterances", utterances]
            figures = json.loads(output(command + ["--threads", cores, "--steps", STEPS]))
            times.setdefault(f"skald {variant}", []).append(figures["step_seconds"])
            memory[f"skald {variant}"] = figures["peak_rss_bytes"]
            wait = figures["data_wait_percent"]
        print(f"round {round + 1}: " + ", ".join(f"{k} {v[-1]:.3f} s" for k, v in times.items()), flush=True)
    best = {kind: min(found) for kind, found in times.items()}
    frames = utterances * FRAMES
    print(f"\nA training step of {frames} frames, {name}, {cores} cores, fastest of {rounds} rounds:")
    for kind, seconds in best.items():
        ratios = ", ".join(f"{best[other] / seconds:.2f}x {other}" for other in best if other.startswith("torch"))
        print(
            f"  {kind:16} {seconds:8.3f} s  {frames / seconds:8.0f} frames/s  "
            f"peak {memory[kind] / 2**30:5.2f} GiB  {ratios}"
        )
    print(f"  Skald waited for data for {wait:.4f} % of the time.\n", flush=True)


def output(command, **environment) -> str:
    return subprocess.run(
        [str(part) for part in command], check=True, stdout=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONWARNINGS": "ignore"} | environment,
    ).stdout.strip().splitlines()[-1]  # fmt: skip


def torch_step(name: str, kind: str):
    """Prints what the fastest step took."""
    architecture, vocabulary, utterances, _, _ = CASES[name]
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    torch.manual_seed(0)
    mel_options = dict(n_fft=1024, hop_length=256, win_length=1024, n_mel_channels=100, target_sample_rate=24000)
    model = CFM(DiT(**architecture, text_num_embeds=vocabulary, mel_dim=100), mel_spec_kwargs=mel_options).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)
    mel = torch.randn(utterances, FRAMES, 100)
    text = (torch.arange(FRAMES // 6) % vocabulary).repeat(utterances, 1)
    lengths = torch.full((utterances,), FRAMES)
    fastest = float("inf")
    for attempt in range(STEPS + 1):
        start = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16, enabled=kind == "bfloat16"):
            loss, _, _ = model(mel, text=text, lens=lengths)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        if attempt > 0:
            fastest = min(fastest, time.perf_counter() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"seconds": fastest, "bytes": peak}))


if __name__ == "__main__":
    if kind := os.environ.get("TORCH_STEP"):
        torch_step(sys.argv[-1], kind)
    else:
        main()
