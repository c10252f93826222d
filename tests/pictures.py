"""Pictures and clips that tests make: what shows the same, what shows something else, what carries notes."""

import io
import random
import shutil
import subprocess
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

FFMPEG = pytest.mark.skipif(not (shutil.which("ffmpeg") and shutil.which("ffprobe")), reason="ffmpeg is not installed")


def scene(seed: int, size: tuple[int, int] = (640, 480)) -> Image.Image:
    """Return a picture of many coloured shapes; another *seed* gives another one."""
    chance = random.Random(seed)  # noqa: S311 - a picture is no secret
    image = Image.new("RGB", (640, 480), tuple(chance.randrange(256) for _ in range(3)))
    draw = ImageDraw.Draw(image)
    for _ in range(14):
        x, y = chance.randrange(-100, 600), chance.randrange(-100, 440)
        box = (x, y, x + chance.randrange(40, 300), y + chance.randrange(40, 300))
        draw.ellipse(box, fill=tuple(chance.randrange(256) for _ in range(3)))
    return image.resize(size)


def octets(image: Image.Image, kind: str = "JPEG", **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def clip(folder: Path, name: str, *scenes: Image.Image, seconds: int = 1, options: tuple[str, ...] = ()) -> bytes:
    """Return a film that shows *scenes* one after the other, each beginning with a key frame, with a tone."""
    for number, each in enumerate(scenes):
        each.save(folder / f"{name}-{number}.png")
    sound = () if name.endswith(".webm") else ("-f", "lavfi", "-i", f"sine=440:duration={len(scenes) * seconds}")
    command = [
        "ffmpeg", "-v", "error", "-nostdin", "-y", "-framerate", f"1/{seconds}", "-i", f"{name}-%d.png", *sound,
        "-r", "10", "-g", str(10 * seconds), "-force_key_frames", f"expr:gte(t,n_forced*{seconds})",
        "-pix_fmt", "yuv420p", *options, name,
    ]  # fmt: skip
    subprocess.run(command, cwd=folder, check=True, timeout=60)
    return (folder / name).read_bytes()
