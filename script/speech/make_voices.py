#!/usr/bin/env python3
"""Makes the reference voices that the repository ships: make_voices.py OUT

Writes OUT/<id>/voice.json and OUT/<id>/reference.wav (24 kHz mono, 16 bit). Synthetic speech: see
speakers.py. Same arguments, same bytes. Refuses a sentence that is not spoken at nano's pace.
Needs requirements-corpus.txt.
"""

import json
import os
import sys

import soundfile
from speakers import LETTER, SAMPLE_RATE, Narrator

# Seconds of silence around the speech, as in a recording.
AROUND = 0.1
CREATED_AT = 1_767_225_600  # 2026-01-01T00:00:00Z: a fixed date, so that the files are reproducible

# Sentences that nano's training did not hear; short, because each request pays for its reference.
VOICES = [
    (
        "heart",
        "Heart",
        "heart",
        "To morrow I shall set to work upon your case.",
    ),
    (
        "hv1",
        "Hollis",
        "hv1",
        "She was clearly the gainer in that exchange.",
    ),
]


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    narrator = Narrator()
    for identifier, name, speaker, text in VOICES:
        folder = os.path.join(sys.argv[1], identifier)
        os.makedirs(folder, exist_ok=True)
        wave, _ = narrator.speak(text, speaker, seed=0, around=AROUND)
        check_pace(text, len(wave) / SAMPLE_RATE - 2 * AROUND)
        path = os.path.join(folder, "reference.wav")
        soundfile.write(path, wave, SAMPLE_RATE, subtype="PCM_16")
        description = {
            "id": identifier,
            "name": name,
            "ref_text": text,
            "language": "en",
            "licence": "Apache-2.0",
            "created_at": CREATED_AT,
            "audio": "reference.wav",
        }
        with open(os.path.join(folder, "voice.json"), "w", encoding="utf-8") as file:
            json.dump(description, file, indent=2, ensure_ascii=False)
            file.write("\n")
        print(f"{identifier}: {len(wave) / SAMPLE_RATE:.2f} s, {text}")


def check_pace(text: str, seconds: float):
    """F5-TTS ends a reference's text with a full stop and two spaces, and shares its time out to all of that.
    Where a letter of it does not get the time that it has in nano's corpus, the text to be spoken begins
    before its speech or behind it, and its first word is lost."""
    pace = seconds / len(text.rstrip(".") + ".  ") / LETTER
    if not 1 <= pace <= 1.015:
        sys.exit(f"Spoken at {pace:.3f} of nano's pace, which is no reference; choose another: {text}")


if __name__ == "__main__":
    main()
