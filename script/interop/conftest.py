"""What the checks against other people's software share: Skald's binary, models made of the test
fixtures, and a server that speaks with them."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from server import BINARY, REPOSITORY, Server  # noqa: E402

FIXTURES = REPOSITORY / "Tests/Fixtures"
VOCODER = REPOSITORY / "models/vocoders/skald-vocos"
HEART = REPOSITORY / "voices/heart"

# The fixtures' small random networks, one of each kind.
MODELS = {
    "tiny_v1": "dit_tiny_v1",
    "tiny_v0": "dit_tiny_v0",
    "tiny_average_upsampling": "dit_variants/average_upsampling",
    "tiny_e2": "unett_tiny/e2",
}

_summary: list[str] = []


@pytest.fixture
def report():
    """Notes a measured number, to be printed at the end whatever the verdict."""
    return _summary.append


def pytest_terminal_summary(terminalreporter):
    for line in _summary:
        terminalreporter.write_line(line)


# What is compared number by number is float32; other precisions are measured by `skald bench`.
os.environ["SKALD_PRECISION"] = "f32"


def skald(*arguments, **options) -> subprocess.CompletedProcess:
    result = subprocess.run(
        [BINARY, *map(str, arguments)], capture_output=True, text=True, timeout=600, **options
    )
    assert result.returncode == 0, f"skald {arguments}: {result.stderr}"
    return result


def reference_text() -> str:
    return json.loads((HEART / "voice.json").read_text())["ref_text"]


@pytest.fixture(scope="session")
def models(tmp_path_factory) -> Path:
    """A folder of models in the official layout."""
    root = tmp_path_factory.mktemp("models")
    for name, fixture in MODELS.items():
        folder = root / name
        folder.mkdir()
        source = FIXTURES / fixture
        shutil.copy(source / "model.safetensors", folder)
        shutil.copy(FIXTURES / "vocab_tiny.txt", folder / "vocab.txt")
        network = json.loads((source / "arch.json").read_text())
        config = {
            "model": {
                "name": name,
                "tokenizer": "custom",
                "tokenizer_path": "vocab.txt",
                "backbone": network["backbone"],
                "arch": network["arch"],
                "mel_spec": {
                    "target_sample_rate": 24000,
                    "n_mel_channels": 100,
                    "hop_length": 256,
                    "win_length": 1024,
                    "n_fft": 1024,
                    "mel_spec_type": "vocos",
                },
                "vocoder": {"is_local": True, "local_path": str(VOCODER)},
            }
        }
        (folder / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    return root


@pytest.fixture(scope="session")
def server(models, tmp_path_factory):
    """The base URL of a server that speaks with `tiny_v1`."""
    data = tmp_path_factory.mktemp("data")
    with Server(
        "--models", models, "--model", "tiny_v1", "--data", data, log=data / "log"
    ) as running:  # fmt: skip
        yield running.url
