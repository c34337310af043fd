"""Draws a short loop, frame by frame, into the pipe of ffmpeg."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from PIL import Image

from engine.renders.cards import table
from engine.renders.cards.card import Card, card_of, clean
from engine.renders.cards.counting import Count, Counting
from engine.renders.cards.encoding import OUTPUTS, Output, encoder
from engine.renders.cards.motion import Fading, Loop, Reveal
from engine.renders.cards.palettes import Tone
from engine.renders.cards.race import Race, shown
from engine.renders.cards.table import Table
from engine.renders.cards.templates import TEMPLATES
from engine.renders.program import Fault, Work

NAMELESS = "–"  # where nothing of a name can be drawn
SAMPLES = 12  # frames that a GIF's colours are chosen from
COLOURS = 256 * 3  # their values


@dataclass(frozen=True)
class Film:
    """The file that the loop becomes: how it is written, the size of its frames in pixels, and how many there are."""

    file: Path
    output: Output
    size: tuple[int, int]
    count: int


def run(work: Work) -> dict[str, Any]:
    """Draw the loop into `animation.mp4`, `.webp` or `.gif`, and a frame that tells all into `poster.png`.

    Raises:
        Fault: a picture cannot be read, or ffmpeg refuses.
    """
    card = card_of(work)
    loop = _loop(card, work)
    poster = loop.at(loop.telling)
    poster.save(work.made / "poster.png")
    output = OUTPUTS[work.asked["output"]]
    size = output.size(*poster.size)
    film = Film(work.made / f"animation.{work.asked['output']}", output, size, round(loop.seconds * output.rate))
    palette = _palette(loop, card.tone, size, work.own) if work.asked["output"] == "gif" else None
    _encode(loop, film, work, palette)
    return {
        "message": f"A {loop.seconds:g} s loop, {size[0]} × {size[1]}",
        "files": [film.file.name],
        "preview": "poster.png",
        "seconds": round(film.count / output.rate, 3),
    }


def _loop(card: Card, work: Work) -> Loop:
    asked = work.asked
    seconds = float(asked["seconds"])
    if asked["kind"] == "reveal":
        return Reveal(TEMPLATES[asked["template"]](card), seconds)
    affixes = {
        "prefix": _affix(asked.get("prefix", ""), "Before numbers", work),
        "suffix": _affix(asked.get("suffix", ""), "Behind numbers", work),
    }
    if asked["kind"] == "count_up":
        return Fading(Counting(card, Count(float(asked["start"]), float(asked["end"]), **affixes), seconds))
    rows = _table(work)
    if len(rows.names) > shown(card.canvas):
        work.log(f"The {shown(card.canvas)} leading of {len(rows.names)} bars have room at once")
    return Fading(Race(card, rows, seconds, **affixes))


def _affix(text: str, name: str, work: Work) -> str:
    """What stands beside a number; a space at its edge is kept, as in " users"."""
    before, after = (" " if edge.isspace() else "" for edge in (text[:1], text[-1:]))
    kept = clean(text, name, work, "display", "text-bold")
    return f"{before}{kept}{after}" if kept else ""


def _table(work: Work) -> Table:
    try:
        found = table.read(work.asked["table"])
    except ValueError as error:
        raise Fault(f"Table {error}") from None
    names, steps = (
        tuple(clean(text, "Table", work, face) or NAMELESS for text in texts)
        for face, texts in (("text-bold", found.names), ("display", found.steps))
    )
    return replace(found, names=names, steps=steps)


def _encode(loop: Loop, film: Film, work: Work, palette: Path | None) -> None:
    told = 0
    last: tuple[Image.Image, Image.Image] | None = None
    with encoder(film.file, film.output, film.size, work.threads, palette) as encoding:
        for number in range(film.count):
            frame = loop.at(number / film.output.rate)
            if last is None or frame is not last[0]:
                last = (frame, _scaled(frame, film.size))
            encoding.write(last[1])
            if (percent := 100 * (number + 1) // film.count) > told:
                told = percent
                work.progress(percent)


def _scaled(frame: Image.Image, size: tuple[int, int]) -> Image.Image:
    return frame if frame.size == size else frame.resize(size, Image.Resampling.LANCZOS)


def _palette(loop: Loop, tone: Tone, size: tuple[int, int], folder: Path) -> Path:
    """The 256 colours that the loop needs most, as ffmpeg wants them; those of small ornaments are among them."""
    small = (max(1, size[0] // 3), max(1, size[1] // 3))
    sheet = Image.new("RGB", (small[0], small[1] * SAMPLES))
    for number in range(SAMPLES):
        frame = loop.at(loop.seconds * number / SAMPLES).resize(small, Image.Resampling.BOX)
        sheet.paste(frame, (0, small[1] * number))
    sure = [value for colour in (tone.accent, tone.ink, tone.signal, tone.soft, *tone.series) for value in colour]
    chosen = sheet.quantize((COLOURS - len(sure)) // 3, Image.Quantize.MEDIANCUT).getpalette() or []
    colours = Image.frombytes("RGB", (16, 16), bytes((sure + chosen + [0] * COLOURS)[:COLOURS]))
    file = folder / "palette.png"
    colours.save(file)
    return file
