"""Grounds and ornaments with smooth edges: gradients without bands, light, rings, rounded boxes."""

import math
from functools import cache

from PIL import Image, ImageChops, ImageDraw

from engine.renders.colours import Colour

FINER = 4  # edges are drawn so many times larger, then brought down
_CELL = 8
_BAYER = (0, 2, 3, 1)  # of the 2 × 2 matrix that the ordered dither is built of


def gradient(size: tuple[int, int], one: Colour, other: Colour, *, across: float = 0.5) -> Image.Image:
    """From one colour to the other, from the top left down; `across` (0 to 1) is how much of it goes to the right."""
    down = Image.linear_gradient("L").resize(size, Image.Resampling.BICUBIC)
    right = Image.linear_gradient("L").rotate(90).resize(size, Image.Resampling.BICUBIC)
    picture = Image.new("RGB", size, one)
    mask = Image.blend(down, right, across)
    picture.paste(Image.new("RGB", size, other), (0, 0), dithered(mask, _step(one, other)))
    return picture


def light(picture: Image.Image, centre: tuple[float, float], radius: float, colour: Colour, strength: float) -> None:
    """Let a soft light shine on the picture."""
    side = round(2 * radius)
    glow = Image.radial_gradient("L").point([round(255 * strength * _falloff(value)) for value in range(256)])
    mask = dithered(glow.resize((side, side), Image.Resampling.BICUBIC), 6)
    at = (round(centre[0] - radius), round(centre[1] - radius))
    picture.paste(Image.new("RGB", (side, side), colour), at, mask)


def _falloff(value: int) -> float:
    share = min(1.0, value / 180)  # the gradient's corner is at 255, its edge at 180
    return (1 + math.cos(math.pi * share)) / 2


def dithered(mask: Image.Image, levels: int) -> Image.Image:
    """The mask with a fine regular grain of so many levels, which hides the bands and still compresses well."""
    if levels < 2:
        return mask
    grain = _grain(mask.size).point([round(value * levels / 64) for value in range(256)])
    return ImageChops.add(mask, grain, 1, -levels // 2)


def _step(one: Colour, other: Colour) -> int:
    """How far a mask goes until the colour changes by one."""
    return min(24, 255 // max(8, *(abs(a - b) for a, b in zip(one, other, strict=True))))


@cache
def _grain(size: tuple[int, int]) -> Image.Image:
    cell = bytes(_threshold(x, y) for y in range(_CELL) for x in range(_CELL))
    rows = [cell[row * _CELL : (row + 1) * _CELL] * (size[0] // _CELL + 1) for row in range(_CELL)]
    lines = b"".join(rows[y % _CELL][: size[0]] for y in range(size[1]))
    return Image.frombytes("L", size, lines)


def _threshold(x: int, y: int) -> int:
    """Of the 8 × 8 ordered dither, 0 to 63."""
    value = 0
    for bit in range(3):
        value = value * 4 + _BAYER[(x >> bit & 1) + 2 * (y >> bit & 1)]
    return value


def rounded(size: tuple[int, int], radius: float, *, outline: float = 0) -> Image.Image:
    """A mask of a box with round corners: filled, or its outline of this width, in pixels."""
    width, height = size
    mask = Image.new("L", (width * FINER, height * FINER), 0)
    box = (0, 0, width * FINER - 1, height * FINER - 1)
    draw = ImageDraw.Draw(mask)
    if outline:
        draw.rounded_rectangle(box, radius * FINER, outline=255, width=round(outline * FINER))
    else:
        draw.rounded_rectangle(box, radius * FINER, fill=255)
    return mask.reduce(FINER)


def disc(side: int) -> Image.Image:
    """A mask of a filled circle."""
    mask = Image.new("L", (side * FINER, side * FINER), 0)
    ImageDraw.Draw(mask).ellipse((0, 0, side * FINER - 1, side * FINER - 1), fill=255)
    return mask.reduce(FINER)


def ring(radius: float, width: float) -> Image.Image:
    """A mask of a circle's line."""
    side, finer = math.ceil(radius * 2), 2
    mask = Image.new("L", (side * finer, side * finer), 0)
    ImageDraw.Draw(mask).ellipse((0, 0, side * finer - 1, side * finer - 1), outline=255, width=round(width * finer))
    return mask.reduce(finer)


def thinned(mask: Image.Image, share: float) -> Image.Image:
    """The mask, covering only this share (0 to 1)."""
    return mask.point([round(value * share) for value in range(256)])


def tile(mask: Image.Image, colour: Colour) -> Image.Image:
    """The mask in a colour, to lie over something."""
    made = Image.new("RGBA", mask.size, (*colour, 0))
    made.putalpha(mask)
    return made
