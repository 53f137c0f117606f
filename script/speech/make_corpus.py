#!/usr/bin/env python3
"""Makes a corpus of clean English speech with exact transcripts.

usage: make_corpus.py OUT SENTENCES [--speakers heart=156,hv1=20,...] [--most-sentences 3]
                      [--evenness 0.9]

--speakers says who speaks for how many minutes; left out, heart does for 156 and everyone else for 20.
--most-sentences is how many make one utterance at most. SENTENCES has one sentence a line (the last
column, where lines are tab-separated); letters and "' , . ? !" only. --evenness is how near to where
evenly spread text has it each word is spoken, 0 for natural rhythm; speakers.py says why. Writes
OUT/<speaker>/<id>.<format> (24 kHz mono) and OUT/manifest.tsv (file, speaker, seconds, split, text, and
when each word is spoken). One utterance in twenty is `valid`, from 500 sentences that nothing else uses.
Same arguments, same corpus. Needs requirements-corpus.txt.
"""

import argparse
import itertools
import multiprocessing
import os
import random
import re
import statistics

import soundfile
from speakers import EVENNESS, SAMPLE_RATE, SPEAKERS, Narrator

HELD_OUT = 500


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("out")
    parser.add_argument("sentences")
    everyone = {speaker: 20.0 for speaker in SPEAKERS} | {"heart": 156.0}
    parser.add_argument("--speakers", type=minutes, default=everyone)
    parser.add_argument("--most-sentences", type=int, choices=(1, 2, 3), default=3)
    parser.add_argument("--evenness", type=float, default=EVENNESS)
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

    encoding = {"format": "OGG", "subtype": "OPUS"} if options.format == "ogg" else {}
    rows = []
    for speaker, minutes_wanted in options.speakers.items():
        os.makedirs(os.path.join(options.out, speaker), exist_ok=True)
        total, count, strays = 0.0, 0, []
        texts = candidates(speaker, pools, rng, options.most_sentences)
        for text, split, wave, words in spoken(texts, options.evenness):
            length = len(wave) / SAMPLE_RATE
            if not 1.2 <= length <= 11.0 or not 7 <= len(text) / length <= 26:
                continue
            name = f"{speaker}/{speaker}_{count:05d}.{options.format}"
            soundfile.write(os.path.join(options.out, name), wave, SAMPLE_RATE, **encoding)
            timing = " ".join(f"{begin:.3f}-{end:.3f}" for begin, end in words)
            rows.append(f"{name}\t{speaker}\t{length:.3f}\t{split}\t{text}\t{timing}")
            strays += from_even(text, length, words)
            total += length
            count += 1
            if total >= minutes_wanted * 60:
                break
        stray = 1000 * statistics.pstdev(strays)
        print(f"{speaker}: {count} utterances, {total / 60:.1f} min, words {stray:.0f} ms from even", flush=True)

    with open(os.path.join(options.out, "manifest.tsv"), "w", encoding="utf-8") as manifest:
        manifest.write("file\tspeaker\tseconds\tsplit\ttext\twords\n" + "\n".join(rows) + "\n")


def from_even(text: str, length: float, words) -> list[float]:
    """Seconds by which each word begins after where text spread evenly over `length` has it."""
    starts = [match.start() for match in re.finditer(r"[^ ]+", text)]
    return [begin - start * length / len(text) for (begin, _), start in zip(words, starts)]


def _utterance(pool, rng, most_sentences: int) -> str:
    """One sentence or several, at most 25 words."""
    text = next(pool)
    for _ in range(min(rng.choice((0, 0, 1, 1, 2)), most_sentences - 1)):
        more = next(pool)
        if len(text.split()) + len(more.split()) > 25:
            break
        text += " " + more
    return text


def candidates(speaker: str, pools, rng, most_sentences: int):
    """Yields (text, split, speaker, seed) without end."""
    for seed in itertools.count():
        split = "valid" if seed % 20 == 7 else "train"
        yield _utterance(pools[split], rng, most_sentences), split, speaker, seed


def spoken(texts, evenness: float):
    """Yields (text, split, samples, times of words) of each that can be spoken, in order, on all cores."""
    with multiprocessing.Pool(initializer=_wake, initargs=(evenness,)) as pool:
        while True:
            for found in pool.map(_speak, list(itertools.islice(texts, 64))):
                if found:
                    yield found


def _wake(evenness: float):
    global narrator
    narrator = Narrator(evenness)


def _speak(candidate):
    text, split, speaker, seed = candidate
    try:
        return text, split, *narrator.speak(text, speaker, seed)
    except ValueError:
        return None  # Its words could not be told apart.


def minutes(text: str) -> dict[str, float]:
    """Reads "heart=156,hv1=20"."""
    wanted = {}
    for part in text.split(","):
        speaker, _, length = part.partition("=")
        if speaker not in SPEAKERS:
            raise argparse.ArgumentTypeError(f"no speaker {speaker!r}; there are {', '.join(SPEAKERS)}")
        wanted[speaker] = float(length)
    return wanted


if __name__ == "__main__":
    main()
