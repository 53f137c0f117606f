#!/usr/bin/env python3
"""How a voice comes along while it is adapted: held-out loss, word error rate and speaker similarity after
so and so many updates, of raw weights, a fresh average and an inherited one, full and LoRA.

usage: chart_adaptation.py MODELS/NAME RECORDINGS OUT [--marks 50,100,200,500,1000,2000]
                           [--sentences 20] [--hold-out 20] [--steps 16] [--measures loss,wer,similarity]
       chart_adaptation.py MODELS/NAME CORPUS OUT --speaker hv2 [--minutes 10] [...]

With --speaker, RECORDINGS are so many minutes of a speaker of a corpus made by make_corpus.py. Runs `skald
adapt` of .build/release once for each kind with the weights of every mark kept, publishes them as voices
below OUT, lets the server speak the texts of clips that were held out, seed 1, and writes OUT/table.md,
OUT/table.tsv and OUT/chart.svg. What was done already is not done again. wer and similarity
need requirements-whisper.txt and requirements-eval.txt; similarity is the cosine to the voice's reference.
"""

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from server import REPOSITORY, Server  # noqa: E402

SKALD = REPOSITORY / ".build" / "release" / "skald"
FRESH = ["--ema", "fresh", "--ema-start-update", 0]
RUNS = {  # name: arguments, and the sets of weights that it shows
    "full": (["--method", "full", *FRESH], {"raw": "raw", "fresh": "ema"}),
    "full-inherited": (["--method", "full", "--ema", "inherited"], {"inherited": "ema"}),
    "lora": (["--method", "lora", *FRESH], {"raw": "raw", "fresh": "ema"}),
}
TITLES = {
    "loss": "Held-out loss",
    "wer": "Word error rate, %",
    "similarity": "Similarity to the reference",
}
COLORS = {"raw": "#2f7ed8", "fresh": "#d8692f", "inherited": "#7a7a7a"}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model", type=Path)
    parser.add_argument("recordings", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--speaker")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--marks", default="50,100,200,500,1000,2000")
    parser.add_argument("--sentences", type=int, default=20)
    parser.add_argument("--hold-out", type=int, default=20)
    parser.add_argument("--steps", type=int, default=16)
    parser.add_argument("--measures", default="loss,wer,similarity")
    parser.add_argument("--full-rate", default="5e-5")
    parser.add_argument("--lora-rate", default="5e-4")
    parser.add_argument("--batch-frames", type=int, default=2000)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    options.model, options.out = options.model.resolve(), options.out.resolve()
    options.marks = sorted(int(mark) for mark in options.marks.split(","))
    measures = options.measures.split(",")
    options.out.mkdir(parents=True, exist_ok=True)
    if options.speaker:
        options.recordings = speaker(options)

    points = []
    for name in RUNS:
        work = adapt(name, options)
        points += held_out_losses(name, work)
    points = [p for p in points if p["update"] in [0, *options.marks]]
    if set(measures) & {"wer", "similarity"}:
        speak(points, options)
        measure(points, measures, options)
    write(points, measures, options)


def speaker(options) -> Path:
    """A folder of one speaker's recordings, with metadata.csv."""
    folder = options.out / "recordings"
    folder.mkdir(exist_ok=True)
    lines = (options.recordings / "manifest.tsv").read_text(encoding="utf-8").splitlines()
    header, *rows = [line.split("\t") for line in lines if line.strip()]
    table, seconds = ["audio_file|text"], 0.0
    for row in (dict(zip(header, row)) for row in rows):
        if row["speaker"] != options.speaker or seconds >= 60 * options.minutes:
            continue
        seconds += float(row["seconds"])
        name = Path(row["file"]).name
        shutil.copy(options.recordings / row["file"], folder / name)
        table.append(f"{name}|{row['text']}")
    if len(table) == 1:
        raise SystemExit(f"{options.recordings} has nothing of the speaker {options.speaker}")
    (folder / "metadata.csv").write_text("\n".join(table) + "\n", encoding="utf-8")
    return folder


def skald(*arguments) -> str:
    command = [str(part) for part in (SKALD, *arguments)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def adapt(name: str, options) -> Path:
    work = options.out / "work" / name
    arguments, _ = RUNS[name]
    rate = options.lora_rate if name == "lora" else options.full_rate
    every = min(options.marks)
    skald(
        "adapt", options.recordings, "--voice", name, "--work", work, "--no-publish",
        "--models", options.model.parent, "--model", options.model.name,
        "--updates", max(options.marks), "--learning-rate", rate, *arguments,
        "--hold-out", options.hold_out, "--check-every", every,
        "--keep-at", *options.marks, "--data", options.out / "data",
        "--batch-frames", options.batch_frames, "--threads", options.threads,
    )  # fmt: skip
    return work


def held_out_losses(name: str, work: Path) -> list[dict]:
    """A point for every check and every set that the run shows; update 0 is the model as it was."""
    points = []
    method = name.split("-")[0]
    for line in (work / "run" / "curves.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        check = row.get("held_out")
        if not check:
            continue
        for kind, weights in RUNS[name][1].items():
            side = "raw" if weights == "raw" or row["update"] == 0 else "average"
            if check.get(side):
                points.append(
                    {
                        "run": name, "method": method, "kind": kind, "weights": weights,
                        "update": row["update"], "loss": check[side]["loss"],
                    }
                )  # fmt: skip
    return points


def voice_name(point) -> str:
    return f"{point['run']}-{point['kind']}-{point['update']}"


def publish(points, options):
    for point in points:
        name = voice_name(point)
        if point["update"] == 0 or (options.out / "data" / "voices" / name).exists():
            continue
        skald(
            "voices", "publish", options.out / "work" / point["run"], "--voice", name,
            "--checkpoint", point["update"], "--weights", point["weights"],
            "--data", options.out / "data",
        )  # fmt: skip


def texts(options) -> list[str]:
    prepared = json.loads((options.out / "work" / "full" / "prepared.json").read_text())
    clips = [clip["text"] for clip in prepared["clips"] if clip["held_out"]]
    return clips[: options.sentences]


def speak(points, options):
    publish(points, options)
    sentences = texts(options)
    arguments = ["--models", options.model.parent, "--model", options.model.name]
    arguments += ["--data", options.out / "data", "--threads", options.threads]
    with Server(*arguments, log=options.out / "server.log") as server:
        for point in points:
            name = voice_name(point)
            # The model as it was, with the reference that the voice has.
            first = f"{point['run']}-{point['kind']}-{options.marks[-1]}"
            voice = name if point["update"] else f"{first}@0"
            point["folder"] = options.out / "speech" / name
            point["folder"].mkdir(parents=True, exist_ok=True)
            for number, text in enumerate(sentences):
                path = point["folder"] / f"{number:02d}.wav"
                if path.exists():
                    continue
                audio = server.speech(
                    model=options.model.name, voice=voice, input=text, seed=1,
                    nfe_step=options.steps, response_format="wav", stream=False,
                )  # fmt: skip
                path.write_bytes(audio)


def measure(points, measures, options):
    sentences = texts(options)
    if "wer" in measures:
        import eval_asr
        from words import errors

        model = eval_asr.load(options.threads)
        for point in points:
            pairs = [
                errors(text, eval_asr.transcribe(model, str(point["folder"] / f"{number:02d}.wav")))
                for number, text in enumerate(sentences)
            ]
            wrong, words = (sum(column) for column in zip(*pairs))
            point["wer"] = 100 * wrong / max(1, words)
    if "similarity" in measures:
        import eval_spk

        encoder = eval_spk.VoiceEncoder("cpu", verbose=False)
        for point in points:
            reference = options.out / "work" / point["run"] / "result" / "reference.wav"
            voice = eval_spk.embedding(encoder, str(reference))
            files = sorted(point["folder"].glob("*.wav"))
            cosines = [float(voice @ eval_spk.embedding(encoder, str(file))) for file in files]
            point["similarity"] = sum(cosines) / len(cosines)


def write(points, measures, options):
    points.sort(key=lambda point: (point["method"], list(COLORS).index(point["kind"]), point["update"]))
    digits = {"loss": 4, "wer": 1, "similarity": 3}

    def cells(point):
        values = [f"{point[name]:.{digits[name]}f}" if name in point else "" for name in measures]
        return [point["method"], point["kind"], str(point["update"]), *values]

    header = ["method", "weights", "updates", *(TITLES[name].lower() for name in measures)]
    rows = [cells(point) for point in points]
    tsv = "\n".join("\t".join(row) for row in [header, *rows]) + "\n"
    (options.out / "table.tsv").write_text(tsv, encoding="utf-8")
    table = [header, ["---"] * len(header), *rows]
    markdown = "\n".join("| " + " | ".join(row) + " |" for row in table) + "\n"
    (options.out / "table.md").write_text(markdown, encoding="utf-8")
    (options.out / "chart.svg").write_text(svg(points, measures), encoding="utf-8")
    print(markdown)


def svg(points, measures) -> str:
    """One panel for each measure and method; updates are evenly spaced, as each is about twice the last."""
    updates = sorted({point["update"] for point in points})
    methods = sorted({point["method"] for point in points})
    width, height, left, bottom, top = 360, 220, 52, 34, 30
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" font-family="sans-serif" font-size="11" '
        f'viewBox="0 0 {width * len(methods)} {height * len(measures)}">',
        '<rect width="100%" height="100%" fill="white"/>',
    ]
    for row, name in enumerate(measures):
        values = [point[name] for point in points if name in point]
        if not values:
            continue
        low, high = min(values), max(values)
        margin = (high - low) * 0.08 or 1
        low, high = low - margin, high + margin
        for column, method in enumerate(methods):
            x0, y0 = column * width + left, row * height + top
            inner, tall = width - left - 12, height - top - bottom

            def place(update, value):
                across = updates.index(update) / max(1, len(updates) - 1)
                return x0 + across * inner, y0 + tall * (1 - (value - low) / (high - low))

            parts.append(f'<text x="{x0}" y="{y0 - 10}" font-weight="bold">{TITLES[name]}, {method}</text>')
            for tick in range(5):
                value = low + (high - low) * tick / 4
                _, y = place(updates[0], value)
                parts.append(
                    f'<line x1="{x0}" x2="{x0 + inner}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>'
                    f'<text x="{x0 - 5}" y="{y + 4:.1f}" text-anchor="end">{value:.3g}</text>'
                )
            for update in updates:
                x, _ = place(update, low)
                parts.append(
                    f'<text x="{x:.1f}" y="{y0 + tall + 15}" text-anchor="middle">{update}</text>'
                )
            for number, (kind, color) in enumerate(COLORS.items()):
                line = [p for p in points if (p["method"], p["kind"]) == (method, kind) and name in p]
                if not line:
                    continue
                line.sort(key=lambda point: point["update"])
                path = " ".join("{:.1f},{:.1f}".format(*place(p["update"], p[name])) for p in line)
                parts.append(
                    f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="2"/>'
                    f'<text x="{x0 + number * 70}" y="{y0 + tall + 30}" fill="{color}">{kind}</text>'
                )
    return "\n".join(parts) + "\n</svg>\n"


if __name__ == "__main__":
    main()
