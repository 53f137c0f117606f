"""What the checks against other people's software share: Skald's binary, models made of the test
fixtures, and a server that speaks with them."""

import json
import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
FIXTURES = REPOSITORY / "Tests/Fixtures"
BINARY = REPOSITORY / ".build/release/skald"
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
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [BINARY, "serve", "--port", port, "--models", models, "--model", "tiny_v1", "--data", data]
    log = open(data / "log", "w+")
    process = subprocess.Popen(list(map(str, command)), stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            try:
                with urllib.request.urlopen(url + "/health", timeout=5):
                    break
            except (urllib.error.URLError, OSError):
                assert process.poll() is None, (data / "log").read_text()
                time.sleep(0.1)
        else:
            pytest.fail("the server did not start: " + (data / "log").read_text())
        yield url
        process.terminate()
        assert process.wait(timeout=60) == 0, "SIGTERM did not end the server in order"
    finally:
        process.kill()
        log.close()
