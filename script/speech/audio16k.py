"""Reads any file that libsndfile reads as mono float32 at 16 kHz."""

from math import gcd

import numpy as np
import soundfile
from scipy.signal import resample_poly


def read(path: str) -> np.ndarray:
    wave, rate = soundfile.read(path, dtype="float32", always_2d=True)
    wave = wave.mean(1)
    if rate != 16_000:
        divisor = gcd(rate, 16_000)
        wave = resample_poly(wave, 16_000 // divisor, rate // divisor).astype(np.float32)
    return wave
