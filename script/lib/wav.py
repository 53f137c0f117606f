#!/usr/bin/env python3
"""Checks a WAV that a server sent: wav.py FILE RATE [SECONDS]

Mono, 16 bit, RATE Hz, whole samples, neither silent nor clipped flat, and within a tenth of SECONDS
long. A streamed WAV says 0xFFFFFFFF where it cannot know its size yet. Prints length and levels.
"""

import array
import struct
import sys


def check(path: str, rate: int, seconds: float | None = None) -> str:
    with open(path, "rb") as file:
        data = file.read()
    riff, size, wave, fmt, length = struct.unpack_from("<4sI4s4sI", data)
    assert (riff, wave, fmt, length) == (b"RIFF", b"WAVE", b"fmt ", 16), "not a plain WAV header"
    coding, channels, found, _, _, bits = struct.unpack_from("<HHIIHH", data, 20)
    assert (coding, channels, found, bits) == (1, 1, rate, 16), (coding, channels, found, bits)
    name, payload = struct.unpack_from("<4sI", data, 36)
    assert name == b"data", name
    body = data[44:]
    unknown = 0xFFFFFFFF
    assert (size, payload) in ((unknown, unknown), (len(data) - 8, len(body))), (size, payload)
    assert body and len(body) % 2 == 0, f"{len(body)} bytes of samples"
    samples = array.array("h", body)
    if sys.byteorder == "big":
        samples.byteswap()
    duration = len(samples) / rate
    level = (sum(x * x for x in samples) / len(samples)) ** 0.5 / 32768
    peak = max(abs(x) for x in samples) / 32768
    assert 1e-4 < level < 0.7, f"level {level}"
    if seconds is not None:
        assert abs(duration - seconds) <= 0.1 * seconds, f"{duration} s, expected {seconds} s"
    return f"{duration:.2f} s at {rate} Hz, RMS {level:.3f}, peak {peak:.3f}"


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    try:
        print(check(sys.argv[1], int(sys.argv[2]), *map(float, sys.argv[3:])))
    except (AssertionError, struct.error) as problem:
        sys.exit(f"{sys.argv[1]}: {problem}")
