"""A pattern of quarter circles, leaves, discs and dots on a grid, drawn anew for each headline."""

import hashlib
from collections.abc import Callable, Iterator

from PIL import Image, ImageChops, ImageDraw

from engine.renders.cards.palettes import VISIBLE, Tone
from engine.renders.colours import Colour, contrast, mixed

FINER = 3
Motif = Callable[[ImageDraw.ImageDraw, int, int, int, int, Colour], None]  # pen, x, y, side, turn, colour


def pattern(columns: int, rows: int, side: int, tone: Tone, seed: str) -> Image.Image:
    """Cells of this side; the same seed gives the same pattern."""
    cell = side * FINER
    picture = Image.new("RGB", (columns * cell, rows * cell), tone.far)
    pen = ImageDraw.Draw(picture)
    chosen = _choices(seed)
    fields, marks = _colours(tone)
    before: list[int] = []
    for number in range(columns * rows):
        row, column = divmod(number, columns)
        x, y = column * cell, row * cell
        field = fields[next(chosen) % len(fields)]
        pen.rectangle((x, y, x + cell - 1, y + cell - 1), fill=field)
        near = {before[number - 1] if column else -1, before[number - columns] if row else -1}
        motif = next(index for index in _shuffled(next(chosen)) if index not in near)
        before.append(motif)
        seen = [mark for mark in marks if contrast(mark, field) >= VISIBLE] or marks
        _MOTIFS[motif](pen, x, y, cell, next(chosen) % 4, seen[next(chosen) % len(seen)])
    return picture.reduce(FINER)


def _colours(tone: Tone) -> tuple[list[Colour], list[Colour]]:
    fields = [tone.far, mixed(tone.far, tone.second, 0.4), mixed(tone.ground, tone.far, 0.45)]
    return fields, [tone.accent, tone.second, tone.ink, tone.accent, mixed(tone.second, tone.ink, 0.55)]


def _choices(seed: str) -> Iterator[int]:
    yield from hashlib.shake_128(seed.encode()).digest(4096)


def _shuffled(number: int) -> list[int]:
    count = len(_MOTIFS)
    return [(number + step * 5) % count for step in range(count)]


def _quarter(pen: ImageDraw.ImageDraw, x: int, y: int, side: int, turn: int, colour: Colour | int) -> None:
    left, top = x - side * (turn in (1, 2)), y - side * (turn in (2, 3))
    start = (180, 270, 0, 90)[turn]
    pen.pieslice((left, top, left + 2 * side - 1, top + 2 * side - 1), start, start + 90, fill=colour)


def _half(pen: ImageDraw.ImageDraw, x: int, y: int, side: int, turn: int, colour: Colour) -> None:
    shift = side // 2
    right, down = ((-shift, 0), (0, -shift), (shift, 0), (0, shift))[turn]
    start = (270, 0, 90, 180)[turn]
    box = (x + right, y + down, x + right + side - 1, y + down + side - 1)
    pen.pieslice(box, start, start + 180, fill=colour)


def _disc(pen: ImageDraw.ImageDraw, x: int, y: int, side: int, turn: int, colour: Colour) -> None:
    spare = side // 4 if turn % 2 else side // 10
    pen.ellipse((x + spare, y + spare, x + side - spare - 1, y + side - spare - 1), fill=colour)


def _leaf(pen: ImageDraw.ImageDraw, x: int, y: int, side: int, turn: int, colour: Colour) -> None:
    one, other = (Image.new("L", (side, side), 0) for _ in range(2))
    _quarter(ImageDraw.Draw(one), 0, 0, side, turn, 255)
    _quarter(ImageDraw.Draw(other), 0, 0, side, (turn + 2) % 4, 255)
    pen.bitmap((x, y), ImageChops.multiply(one, other), fill=colour)


def _dots(pen: ImageDraw.ImageDraw, x: int, y: int, side: int, turn: int, colour: Colour) -> None:
    step, radius = side / 4, side / 17
    for place in range(9):
        centre_x, centre_y = x + step * (1 + place % 3), y + step * (1 + place // 3)
        pen.ellipse((centre_x - radius, centre_y - radius, centre_x + radius, centre_y + radius), fill=colour)


def _arches(pen: ImageDraw.ImageDraw, x: int, y: int, side: int, turn: int, colour: Colour) -> None:
    centre_x, centre_y = x + side * (turn in (0, 3)), y + side * (turn in (0, 1))
    start = (180, 270, 0, 90)[turn]
    for radius in (side, side * 2 // 3, side // 3):
        box = (centre_x - radius, centre_y - radius, centre_x + radius - 1, centre_y + radius - 1)
        pen.arc(box, start, start + 90, fill=colour, width=side // 7)


_MOTIFS: tuple[Motif, ...] = (_quarter, _disc, _leaf, _half, _arches, _dots)
