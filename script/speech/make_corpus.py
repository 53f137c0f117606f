#!/usr/bin/env python3
"""Makes a corpus of clean English speech with exact transcripts.

usage: make_corpus.py OUT SENTENCES [--heart-hours 2.6] [--other-minutes 20] [--speakers hv1,hv3]

SENTENCES has one sentence a line (the last column, where lines are tab-separated); letters and
"' , . ? !" only. Writes OUT/<speaker>/<id>.<format> (24 kHz mono) and OUT/manifest.tsv (file, speaker,
seconds, split, text). One utterance in twenty is `valid`, from 500 sentences that nothing else uses.
Same arguments, same corpus. Needs requirements-corpus.txt.
"""

import argparse
import itertools
import os
import random

import soundfile
from speakers import SAMPLE_RATE, SPEAKERS, Narrator

HELD_OUT = 500


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("out")
    parser.add_argument("sentences")
    parser.add_argument("--heart-hours", type=float, default=2.6)
    parser.add_argument("--other-minutes", type=float, default=20)
    parser.add_argument("--speakers", default=",".join(s for s in SPEAKERS if s != "heart"))
    parser.add_argument("--format", choices=("ogg", "flac"), default="flac")
    options = parser.parse_args()

    with open(options.sentences, encoding="utf-8") as lines:
        sentences = [line.rstrip("\n").split("\t")[-1] for line in lines if line.strip()]
    if len(sentences) <= HELD_OUT:
        parser.error(f"{options.sentences} has {len(sentences)} sentences; more than 500 are needed")
    rng = random.Random(11)
    rng.shuffle(sentences)
    pools = {
        "valid": itertools.cycle(sentences[-HELD_OUT:]),
        "train": itertools.cycle(sentences[:-HELD_OUT]),
    }

    narrator = Narrator()
    wanted = [("heart", options.heart_hours * 3600)]
    wanted += [(s, options.other_minutes * 60) for s in options.speakers.split(",") if s]
    encoding = {"format": "OGG", "subtype": "OPUS"} if options.format == "ogg" else {}
    rows = []
    for speaker, seconds in wanted:
        os.makedirs(os.path.join(options.out, speaker), exist_ok=True)
        total, count = 0.0, 0
        while total < seconds:
            split = "valid" if count % 20 == 7 else "train"
            text = utterance(pools[split], rng)
            wave = narrator.speak(text, speaker, seed=count)
            length = len(wave) / SAMPLE_RATE
            if not 1.2 <= length <= 11.0 or not 7 <= len(text) / length <= 26:
                continue
            name = f"{speaker}/{speaker}_{count:05d}.{options.format}"
            soundfile.write(os.path.join(options.out, name), wave, SAMPLE_RATE, **encoding)
            rows.append(f"{name}\t{speaker}\t{length:.3f}\t{split}\t{text}")
            total += length
            count += 1
        print(speaker, count, "utterances", round(total / 60, 1), "min", flush=True)

    with open(os.path.join(options.out, "manifest.tsv"), "w", encoding="utf-8") as manifest:
        manifest.write("file\tspeaker\tseconds\tsplit\ttext\n" + "\n".join(rows) + "\n")


def utterance(pool, rng) -> str:
    """One to three sentences, at most 25 words."""
    text = next(pool)
    for _ in range(rng.choice((0, 0, 1, 1, 2))):
        more = next(pool)
        if len(text.split()) + len(more.split()) > 25:
            break
        text += " " + more
    return text


if __name__ == "__main__":
    main()
