"""ffmpeg, once: still clips give way to each other, captions lie over them, sounds under them."""

import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import imageio_ffmpeg

from engine.renders.captions import Caption
from engine.renders.program import Fault

RATE = 30
TRANSITION_SECONDS = 0.5
FADE_OUT_SECONDS = 1.5
LAST_WORDS = 3
STALL_SECONDS = 60.0
HEARD_RATE = 8000  # samples a second that are looked at
ENCODER = ("-c:v", "libx264", "-preset", "veryfast", "-crf", "20", "-pix_fmt", "yuv420p", "-r", str(RATE))
_TRANSITIONS = {"fade": "fade", "slide": "slideleft", "wipe": "wiperight", "cut": "fade"}


@dataclass(frozen=True)
class Clip:
    """A picture that is seen for so many seconds; `transition` is how it comes."""

    file: Path
    seconds: float
    transition: str


@dataclass(frozen=True)
class Sound:
    """A sound file; what `loops` is heard under a voice, again and again until the end."""

    file: str
    loops: bool


def encode(
    film: Path,
    clips: Sequence[Clip],
    strips: Sequence[tuple[Path, int, int, Caption]],
    sounds: Sequence[Sound],
    threads: int,
    told: Callable[[float], None],
) -> None:
    """Write the film; `told` hears how far it is, 0 to 1.

    Raises:
        Fault: ffmpeg refuses; says why, as ffmpeg does.
    """
    total = sum(clip.seconds for clip in clips)
    for sound in sounds:
        check_sound(sound.file)
    inputs: list[str] = []
    for file in [clip.file for clip in clips] + [strip[0] for strip in strips]:
        inputs += ["-framerate", str(RATE), "-i", str(file)]
    for sound in sounds:
        inputs += [*(["-stream_loop", "-1"] if sound.loops else []), "-i", sound.file]
    script = film.with_suffix(".filter")
    heard = len(clips) + len(strips)
    script.write_text(";\n".join([*_seen(clips, strips), *_heard(sounds, heard, total)]))
    output = ["-map", "[film]", *ENCODER, "-threads", str(threads)]
    if sounds:
        output += ["-map", "[sound]", "-c:a", "aac", "-b:a", "160k"]
    output += ["-t", f"{total:.3f}", "-movflags", "+faststart", str(film)]
    _run(["-/filter_complex", str(script), "-filter_complex_threads", str(threads)], inputs, output, total, told)


def _run(filters: list[str], inputs: list[str], output: list[str], total: float, told: Callable[[float], None]) -> None:
    general = ["-hide_banner", "-loglevel", "error", "-nostdin", "-y", "-progress", "pipe:1", "-stats_period", "0.2"]
    command = [imageio_ffmpeg.get_ffmpeg_exe(), *general, *inputs, *filters, *output]
    said: list[str] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as ffmpeg:
        watch = _Watch(ffmpeg)
        for line in ffmpeg.stdout or ():
            name, _, value = line.strip().partition("=")
            if name == "out_time_us" and value.isdecimal():
                watch.came_to(int(value))
                told(min(1.0, int(value) / 1e6 / total))
            elif not value:
                said.append(line.strip())
        watch.end()
    if watch.stalled:
        raise Fault(f"ffmpeg came no further for {STALL_SECONDS:g} s and was ended")
    if ffmpeg.returncode:
        raise Fault(f"ffmpeg ended with code {ffmpeg.returncode}: {' '.join(said[-LAST_WORDS:])[-500:]}")


class _Watch:
    """Ends ffmpeg when it comes no further."""

    def __init__(self, ffmpeg: "subprocess.Popen[str]") -> None:
        self._ffmpeg = ffmpeg
        self._at = -1
        self.stalled = False
        self._timer = threading.Timer(STALL_SECONDS, self._stall)
        self._timer.start()

    def came_to(self, microseconds: int) -> None:
        """It is at work as long as this grows."""
        if microseconds > self._at:
            self._at = microseconds
            self._timer.cancel()
            self._timer = threading.Timer(STALL_SECONDS, self._stall)
            self._timer.start()

    def end(self) -> None:
        """It has ended by itself."""
        self._timer.cancel()

    def _stall(self) -> None:
        self.stalled = True
        self._ffmpeg.kill()


def check_sound(file: str) -> None:
    """Refuse what has nothing to be heard: repeated, it would go on for ever.

    Raises:
        Fault: it is no sound, or shorter than a tenth of a second.
    """
    ffmpeg = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-loglevel", "error", "-nostdin", "-i", file]
    raw = ["-map", "0:a:0", "-t", "1", "-f", "s16le", "-ac", "1", "-ar", str(HEARD_RATE), "pipe:1"]
    try:
        heard = subprocess.run([*ffmpeg, *raw], capture_output=True, timeout=STALL_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise Fault("A sound file cannot be read: it takes too long") from None
    if heard.returncode:
        said = heard.stderr.decode(errors="replace").strip().splitlines()
        raise Fault(f"A sound file cannot be read: {said[-1][:300] if said else 'ffmpeg does not say why'}")
    if len(heard.stdout) < 2 * HEARD_RATE // 10:
        raise Fault("A sound file must have at least a tenth of a second of sound")


def _seen(clips: Sequence[Clip], strips: Sequence[tuple[Path, int, int, Caption]]) -> Iterator[str]:
    """Clip after clip by xfade, then the captions, each while its time is."""
    begin = 0.0
    for number, clip in enumerate(clips):
        length = clip.seconds + (TRANSITION_SECONDS if number < len(clips) - 1 else 0)
        frames = round(length * RATE) + 1
        still = f"loop=loop={frames}:size=1:start=0,trim=end_frame={frames}"
        yield f"[{number}:v]format=yuv420p,{still},setpts=N/{RATE}/TB,fps={RATE},settb=1/{RATE}[clip{number}]"
    last = "clip0"
    for number, clip in enumerate(clips[1:], 1):
        begin += clips[number - 1].seconds
        lasts = 1 / RATE if clip.transition == "cut" else min(TRANSITION_SECONDS, clip.seconds)
        effect = f"xfade=transition={_TRANSITIONS[clip.transition]}:duration={lasts:.4f}:offset={begin:.4f}"
        yield f"[{last}][clip{number}]{effect}[joined{number}]"
        last = f"joined{number}"
    for number, (_, x, y, caption) in enumerate(strips):
        when = f"enable='between(t,{caption.begin:.3f},{caption.end - 0.5 / RATE:.3f})'"
        yield f"[{last}][{len(clips) + number}:v]overlay=x={x}:y={y}:{when}[said{number}]"
        last = f"said{number}"
    yield f"[{last}]format=yuv420p[film]"


def _heard(sounds: Sequence[Sound], first: int, total: float) -> Iterator[str]:
    """A voice as it is; music under it, and fading out at the end."""
    if not sounds:
        return
    has_voice = any(not sound.loops for sound in sounds)
    fade = f"afade=t=out:st={max(0.0, total - FADE_OUT_SECONDS):.3f}:d={FADE_OUT_SECONDS}"
    for number, sound in enumerate(sounds):
        level = "0.22" if sound.loops and has_voice else "1.0"
        shaped = f"atrim=end={total:.3f},asetpts=PTS-STARTPTS,volume={level}"
        yield f"[{first + number}:a]{shaped}{f',{fade}' if sound.loops else ''}[sound{number}]"
    names = "".join(f"[sound{number}]" for number in range(len(sounds)))
    yield f"{names}amix=inputs={len(sounds)}:duration=longest:normalize=0,apad,atrim=end={total:.3f}[sound]"
