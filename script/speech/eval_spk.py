#!/usr/bin/env python3
"""Speaker similarity: the cosine between Resemblyzer d-vectors (Apache-2.0, weights in the PyPI wheel).

usage: eval_spk.py A.wav B.wav [...]                            every later file against A
       eval_spk.py --matrix MANIFEST.tsv [--root DIR] [--per N] mean cosines, speaker by speaker

Clean audio of 3 s or more: the same speaker is at about 0.85-0.95, different ones mostly below 0.75.
Needs requirements-eval.txt.
"""

import argparse
import collections
import os
import random
import warnings

warnings.filterwarnings("ignore")

import numpy as np  # noqa: E402
import torch  # noqa: E402
from audio16k import read  # noqa: E402
from resemblyzer import VoiceEncoder  # noqa: E402

torch.set_num_threads(1)


def embedding(encoder, path: str) -> np.ndarray:
    wave = read(path)
    level = np.sqrt((wave**2).mean() + 1e-12)
    target = 10 ** (-30 / 20)  # quiet files are raised to the level the encoder was trained at
    return encoder.embed_utterance(wave * (target / level) if level < target else wave)


def matrix(encoder, manifest: str, root: str, per: int):
    with open(manifest, encoding="utf-8") as lines:
        header, *table = [line.rstrip("\n").split("\t") for line in lines if line.strip()]
    file, speaker = header.index("file"), header.index("speaker")
    groups = collections.defaultdict(list)
    for row in table:
        groups[row[speaker]].append(os.path.join(root, row[file]))
    rng = random.Random(0)
    vectors = {
        name: np.array([embedding(encoder, f) for f in rng.sample(files, min(per, len(files)))])
        for name, files in sorted(groups.items())
    }
    print("speaker\t" + "\t".join(vectors))
    for a, left in vectors.items():
        cells = []
        for b, right in vectors.items():
            cosines = left @ right.T
            n = len(cosines)
            if a == b and n > 1:  # leave out each file against itself
                cells.append((cosines.sum() - np.trace(cosines)) / (n * (n - 1)))
            else:
                cells.append(cosines.mean())
        print(a + "\t" + "\t".join(f"{cell:.2f}" for cell in cells))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("files", nargs="*")
    parser.add_argument("--matrix")
    parser.add_argument("--root")
    parser.add_argument("--per", type=int, default=8)
    options = parser.parse_args()
    if not options.matrix and len(options.files) < 2:
        parser.error("give two files or more, or --matrix MANIFEST.tsv")
    encoder = VoiceEncoder("cpu", verbose=False)
    if options.matrix:
        root = options.root or os.path.dirname(os.path.abspath(options.matrix))
        matrix(encoder, options.matrix, root, options.per)
    else:
        first, *others = options.files
        reference = embedding(encoder, first)
        for other in others:
            print(f"{float(reference @ embedding(encoder, other)):.4f}\t{first}\t{other}")


if __name__ == "__main__":
    main()
