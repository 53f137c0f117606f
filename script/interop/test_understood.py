"""The whole path from text to speech, by what Whisper understands of the shipped model."""

import sys

import pytest
from conftest import REPOSITORY, Server

sys.path.insert(0, str(REPOSITORY / "script/speech"))
import eval_asr  # noqa: E402
from words import letter_errors  # noqa: E402

SENTENCES = (
    "The train leaves at four in the morning, so we have to get up early.",
    "She put the letters back on the table and closed the door.",
    "My brother has lived near the river for many years.",
    "Where did you find such a beautiful old house?",
    "They were tired, but nobody wanted to go home.",
)
# Of the letters, percent. The shipped model has about 1, noise and mumbling 75 and more.
MOST_ERRORS = 25


@pytest.fixture(scope="module")
def nano(tmp_path_factory):
    data = tmp_path_factory.mktemp("data")
    with Server("--model", "nano", "--data", data, log=data / "log") as running:
        yield running


def test_five_sentences(nano, tmp_path, report):
    whisper = eval_asr.load(threads=2)
    wrong = total = 0
    for number, text in enumerate(SENTENCES):
        path = tmp_path / f"{number}.wav"
        fields = {"model": "nano", "voice": "heart", "input": text, "response_format": "wav"}
        path.write_bytes(nano.speech(**fields, nfe_step=16, seed=1))
        mistakes, length = letter_errors(text, eval_asr.transcribe(whisper, str(path)))
        wrong, total = wrong + mistakes, total + length
    rate = 100 * wrong / total
    report(f"nano speaks, Whisper base writes: {rate:.1f} % of {total} letters wrong (at most {MOST_ERRORS} %)")
    assert rate <= MOST_ERRORS
