#!/usr/bin/env python3
"""Speaks with a model of F5TTS_v1_Base's shape through HTTP, and says what it cost: base.py MODELS"""

import json
import re
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from server import REPOSITORY, Server
from wav import check

NFE, TOTAL_SECONDS = 7, 8
RATES = [8000, 16000, 22050, 24000, 44100, 48000]
STAGES = ["preparation_seconds", "sampling_seconds", "vocoder_seconds", "seconds", "rtf"]
# Of a start from a pack in bf16; neither depends on the CPU's instructions.
MOST_SECONDS_TO_START, MOST_MEGABYTES = 1.0, 900
TEXT = "The kettle is on, and the bread is still warm."


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    voices = REPOSITORY / "voices"
    expected = TOTAL_SECONDS - reference_seconds(voices / "heart/reference.wav")
    spoken = {}
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        for layout in ("safetensors", "pt"):
            arguments = ["--models", Path(sys.argv[1]) / layout, "--model", "F5TTS_v1_Base"]
            arguments += ["--voices", voices, "--data", work / "data"]
            with Server(*arguments, log=work / "log") as server:
                print(f"{layout}: ready after {server.seconds_to_start:.2f} s", flush=True)
                for rate in RATES:
                    path = work / f"{layout}-{rate}.wav"
                    first, request = speak(server.url, rate, path)
                    spoken[layout, rate] = path.read_bytes()
                    stages = "  ".join(f"{k} {v}" for k, v in costs(work / "log", request).items())
                    print(f"{layout}: {check(str(path), rate, expected)}; first byte {first:.2f} s  {stages}")
                    sys.stdout.flush()
                print(f"{layout}: peak resident memory {server.peak_memory():.2f} GiB", flush=True)
        check_start_from_pack(arguments, work)
    for rate in RATES:
        if spoken["pt", rate] != spoken["safetensors", rate]:
            sys.exit(f"the two layouts speak differently at {rate} Hz")
    print("script/test-base: passed, both layouts gave the same bytes")


def check_start_from_pack(arguments: list, work: Path):
    """Fails where a start that finds its weights packed takes long, or speaking from them much memory."""
    arguments = [*arguments, "--precision", "bf16"]
    with Server(*arguments, log=work / "log"):
        pass  # packs them, if nobody did before
    with Server(*arguments, log=work / "log") as server:
        speak(server.url, RATES[0], work / "bf16.wav")
        starts, megabytes = [server.seconds_to_start], server.peak_memory() * 2**30 / 1e6
    for _ in range(2):
        with Server(*arguments, log=work / "log") as server:
            starts.append(server.seconds_to_start)
    seconds = min(starts)  # the machine may have had other things to do
    print(f"from a pack in bf16: ready after {seconds:.2f} s, peak resident memory {megabytes:.0f} MB", flush=True)
    if seconds > MOST_SECONDS_TO_START:
        sys.exit(f"a start from a pack may take {MOST_SECONDS_TO_START} s")
    if megabytes > MOST_MEGABYTES:
        sys.exit(f"speech from a pack in bf16 may take {MOST_MEGABYTES} MB")


def reference_seconds(path: Path) -> float:
    return (path.stat().st_size - 44) / 2 / 24_000 + 0.05  # the front end adds 50 ms


def speak(url: str, rate: int, path: Path) -> tuple[float, str]:
    """Writes the speech to `path` as it comes; returns the seconds to its first byte, and its id."""
    body = {
        "model": "F5TTS_v1_Base",
        "voice": "heart",
        "input": TEXT,
        "response_format": "wav",
        "sample_rate": rate,
        "nfe_step": NFE,
        "fix_duration": TOTAL_SECONDS,
        "seed": 42,
    }
    request = urllib.request.Request(
        url + "/v1/audio/speech", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    start = time.monotonic()
    with urllib.request.urlopen(request, timeout=600) as answer, open(path, "wb") as file:
        file.write(answer.read(1))
        first = time.monotonic() - start
        file.write(answer.read())
        return first, answer.headers["X-Request-Id"]


def costs(log: Path, request: str) -> dict[str, str]:
    """What the server's log says of a request; the line may follow the last byte by a moment."""
    for _ in range(50):
        for line in log.read_text().splitlines():
            if "sampling_seconds" in line and request in line:
                found = {stage: re.search(rf"\b{stage}=\"?([\d.]+)", line) for stage in STAGES}
                return {stage.removesuffix("_seconds"): match[1] for stage, match in found.items()}
        time.sleep(0.1)
    sys.exit(f"the server's log says nothing of request {request}")


if __name__ == "__main__":
    main()
