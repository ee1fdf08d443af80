"""What the publisher's camera and microphone take in: enough movement and sound to need the bitrate of a lesson."""

from __future__ import annotations

import math
import random
import struct
import wave
from pathlib import Path
from typing import Final

from PIL import Image, ImageChops

from tests.browser.scenery import teacher_at_the_blackboard

_FRAMES: Final = 40
_SAMPLE_RATE: Final = 16_000
_SYLLABLE: Final = 0.22


def write_film(file: Path, width: int, height: int, frames_per_second: int) -> Path:
    """A classroom through a camera that pans to and fro (YUV4MPEG2, 4:2:0)."""
    scene = teacher_at_the_blackboard("Weak links  弱网").resize((width, height))
    grain = Image.effect_noise((width // 3, height // 3), 40).resize((width, height)).convert("RGB")
    half = (width // 2, height // 2)
    with file.open("wb") as film:
        film.write(f"YUV4MPEG2 W{width} H{height} F{frames_per_second}:1 Ip A1:1 C420jpeg\n".encode())
        for number in range(_FRAMES):
            step = min(number, _FRAMES - number)
            seen = ImageChops.add(ImageChops.offset(scene, 7 * step, step), grain, 1, -128)
            luma, blue, red = ImageChops.offset(seen, 0, 2 * step).convert("YCbCr").split()
            planes = (luma, blue.resize(half), red.resize(half))
            film.write(b"FRAME\n" + b"".join(plane.tobytes() for plane in planes))
    return file


def write_speech(file: Path, seconds: float = 8.0) -> Path:
    """Somebody who talks without a pause: voiced syllables of changing pitch with a little breath."""
    chance = random.Random(1)
    samples = []
    phase = 0.0
    for number in range(int(_SAMPLE_RATE * seconds)):
        at = number / _SAMPLE_RATE
        syllable, within = divmod(at, _SYLLABLE)
        pitch = 120 + 25 * math.sin(syllable * 1.7) + 10 * math.sin(2 * math.pi * at)
        phase += 2 * math.pi * pitch / _SAMPLE_RATE
        voice = sum(math.sin(harmonic * phase) / harmonic for harmonic in range(1, 12))
        loudness = math.sin(math.pi * within / _SYLLABLE) ** 0.5
        samples.append(int(5_000 * loudness * voice + chance.gauss(0, 250)))
    with wave.open(str(file), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(_SAMPLE_RATE)
        sound.writeframes(struct.pack(f"<{len(samples)}h", *samples))
    return file
