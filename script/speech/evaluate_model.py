#!/usr/bin/env python3
"""Word error rate, speaker similarity and speed of a model, over HTTP.

usage: evaluate_model.py MODELS/NAME CORPUS OUT [--voice heart] [--sentences 50] [--steps 7,16,32]

Starts the server of .build/release, lets it speak held-out sentences of CORPUS (made by make_corpus.py) in
a shipped voice at each number of steps, seed 1, guidance 2, one request after the other, and prints what
Whisper base understands beside the corpus's own recordings of the same sentences, the cosine of the
speech to the reference, and the median times. The WAV files and manifest.tsv stay in OUT.
"""

import argparse
import collections
import json
import shutil
import statistics
import sys
import time
import urllib.request
from pathlib import Path

import eval_asr
import eval_spk
from words import errors, letter_errors

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from server import REPOSITORY, Server  # noqa: E402

HEADER = 44  # bytes of a WAV header
BYTES_PER_SECOND = 2 * 24_000


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model", type=Path)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--voice", default="heart")
    parser.add_argument("--sentences", type=int, default=50)
    parser.add_argument("--steps", default="7,16,32")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()

    chosen = held_out(options.corpus, options.voice, options.sentences)
    recorded = options.out / "recorded"
    recorded.mkdir(parents=True, exist_ok=True)
    rows = []
    for number, (file, text) in enumerate(chosen):
        copy = recorded / f"{number:02d}{file.suffix}"
        shutil.copy(file, copy)
        rows.append((copy, text, "recorded"))
    speed = {}
    model = options.model.resolve()
    arguments = ["--models", model.parent, "--model", model.name, "--voices", REPOSITORY / "voices"]
    arguments += ["--data", options.out / "data", "--threads", options.threads]
    with Server(*arguments, log=options.out / "server.log") as server:
        speak(server, model.name, options.voice, chosen[0][1], 7, options.out / "warm-up.wav")
        for steps in options.steps.split(","):
            folder = options.out / f"{steps}-steps"
            folder.mkdir(exist_ok=True)
            times = []
            for number, (_, text) in enumerate(chosen):
                path = folder / f"{number:02d}.wav"
                times.append(speak(server, model.name, options.voice, text, int(steps), path))
                rows.append((path, text, f"{steps} steps"))
            speed[f"{steps} steps"] = [statistics.median(column) for column in zip(*times)]
    with open(options.out / "manifest.tsv", "w", encoding="utf-8") as manifest:
        manifest.write("file\tspeaker\ttext\n")
        for path, text, kind in rows:
            manifest.write(f"{path.relative_to(options.out)}\t{kind}\t{text}\n")
    report(rows, speed, REPOSITORY / "voices" / options.voice / "reference.wav", options.threads)


def held_out(corpus: Path, speaker: str, count: int) -> list[tuple[Path, str]]:
    """Held-out utterances of a speaker, spread over the whole list, no text twice, not its reference's."""
    voice = json.loads((REPOSITORY / "voices" / speaker / "voice.json").read_text(encoding="utf-8"))
    found = {}
    with open(corpus / "manifest.tsv", encoding="utf-8") as lines:
        header, *table = [line.rstrip("\n").split("\t") for line in lines]
    for line in table:
        row = dict(zip(header, line))
        if row["split"] == "valid" and row["speaker"] == speaker and row["text"] != voice["ref_text"]:
            found.setdefault(row["text"], corpus / row["file"])
    if len(found) < count:
        sys.exit(f"{corpus}: {len(found)} held-out sentences of {speaker}, {count} are wanted")
    every = [(file, text) for text, file in found.items()]
    return [every[number * len(every) // count] for number in range(count)]


def speak(server: Server, model: str, voice: str, text: str, steps: int, path: Path):
    """Writes the speech to `path`; returns the seconds to its first byte, and its real-time factor."""
    body = {
        "model": model,
        "voice": voice,
        "input": text,
        "response_format": "wav",
        "nfe_step": steps,
        "seed": 1,
    }
    request = urllib.request.Request(
        server.url + "/v1/audio/speech",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    start = time.monotonic()
    with urllib.request.urlopen(request, timeout=600) as answer:
        audio = answer.read(HEADER + 2)
        first = time.monotonic() - start
        audio += answer.read()
    seconds = time.monotonic() - start
    path.write_bytes(audio)
    return first, seconds * BYTES_PER_SECOND / (len(audio) - HEADER)


def report(rows, speed, reference: Path, threads: int):
    whisper = eval_asr.load(threads)
    encoder = eval_spk.VoiceEncoder("cpu", verbose=False)
    target = eval_spk.embedding(encoder, str(reference))
    wrong, total, letters, exact, cosines = (collections.defaultdict(list) for _ in range(5))
    for path, text, kind in rows:
        heard = eval_asr.transcribe(whisper, str(path))
        mistakes, length = errors(text, heard)
        letters[kind].append(letter_errors(text, heard))
        wrong[kind].append(mistakes)
        total[kind].append(length)
        exact[kind].append(mistakes == 0)
        cosines[kind].append(float(target @ eval_spk.embedding(encoder, str(path))))
    print("\tWER\tletters wrong\texact\tcosine to the reference\tfirst audio\tRTF")
    for kind in total:
        rate = 100 * sum(wrong[kind]) / sum(total[kind])
        wrong_letters, all_letters = (sum(column) for column in zip(*letters[kind]))
        share = 100 * statistics.mean(exact[kind])
        times = "\t".join(
            (f"{1000 * speed[kind][0]:.0f} ms", f"{speed[kind][1]:.3f}") if kind in speed else "--"
        )
        cosine = statistics.mean(cosines[kind])
        print(f"{kind}\t{rate:.1f} %\t{100 * wrong_letters / all_letters:.1f} %\t{share:.0f} %\t{cosine:.2f}\t{times}")
    print(f"{len(rows) // len(total)} sentences, {sum(next(iter(total.values())))} words")


if __name__ == "__main__":
    main()
