"""ffmpeg at the end of a pipe: frames go in one by one, and none is kept."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import imageio_ffmpeg
from PIL import Image

from engine.renders.program import Fault

LONGEST_SIDE = 720  # pixels of a GIF or WebP
FIRST_WORDS = 300  # letters of what ffmpeg says
_MP4 = (
    *("-vf", "scale=out_color_matrix=bt709:out_range=tv", "-pix_fmt", "yuv420p"),
    *("-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709"),
    *("-c:v", "libx264", "-preset", "veryfast", "-crf", "18", "-movflags", "+faststart"),
)
_WEBP = ("-c:v", "libwebp_anim", "-quality", "82", "-compression_level", "3", "-loop", "0")
_GIF = ("-lavfi", "[0:v][1:v]paletteuse=dither=bayer:bayer_scale=4:diff_mode=rectangle", "-loop", "0")


@dataclass(frozen=True)
class Output:
    """A kind of file: how many frames a second, whether it is scaled down, and how ffmpeg writes it."""

    rate: int
    is_small: bool
    options: tuple[str, ...]

    def size(self, width: int, height: int) -> tuple[int, int]:
        """The size of its frames."""
        share = min(1.0, LONGEST_SIDE / max(width, height)) if self.is_small else 1.0
        return round(width * share), round(height * share)


OUTPUTS = {"mp4": Output(30, False, _MP4), "webp": Output(25, True, _WEBP), "gif": Output(20, True, _GIF)}


class Encoder:
    """Takes frames, each of the size that was told."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._pipe = pipe
        self._last: Image.Image | None = None
        self._content = b""

    def write(self, frame: Image.Image) -> None:
        """One more frame; the same one again costs nothing."""
        if frame is not self._last:
            self._last, self._content = frame, frame.tobytes()
        self._pipe.write(self._content)


@contextmanager
def encoder(
    file: Path, output: Output, size: tuple[int, int], threads: int, palette: Path | None = None
) -> Iterator[Encoder]:
    """What writes this file; it is whole when the context ends. `palette` is a picture of 256 colours, for a GIF.

    Raises:
        Fault: ffmpeg refuses; says why, as ffmpeg does.
    """
    frames = ("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{size[0]}x{size[1]}", "-framerate", str(output.rate))
    command = [_program(), "-hide_banner", "-loglevel", "error", "-y", *frames, "-i", "pipe:0"]
    command += ["-i", str(palette)] if palette else []
    command += [*output.options, "-threads", str(threads), str(file)]
    said = file.with_name(f".{file.stem}.said")
    with said.open("wb") as errors:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=errors)
    try:
        with suppress(BrokenPipeError), _pipe(process) as pipe:  # if it ended early, its code tells so
            yield Encoder(pipe)
        code = process.wait()
    except BaseException:
        process.kill()
        process.wait()
        raise
    words = said.read_text(errors="replace").strip()
    said.unlink()
    if code:
        raise Fault(f"ffmpeg ended with code {code}: {words[:FIRST_WORDS]}")


def _pipe(process: subprocess.Popen[bytes]) -> IO[bytes]:
    if process.stdin is None:
        raise Fault("ffmpeg cannot be given frames")
    return process.stdin


def _program() -> str:
    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as error:
        raise Fault(f"ffmpeg cannot be found: {error}") from None
