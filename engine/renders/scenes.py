"""One scene as a picture: a ground of colour or a photograph, a headline, and room for what is said."""

from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageOps

from engine.renders.captions import MOST_LINES, WIDTH, caption_font
from engine.renders.colours import INK, WHITE, Colour, ink_on, mixed, parsed
from engine.renders.lettering import drawable, fit, opened

MARGIN = 0.08  # of the shorter side
CAPTION_FOOT = 0.07  # of the height, under the captions
PLATE = (15, 23, 42, 205)
LEADING = 1.28


@dataclass(frozen=True)
class Scene:
    """What is seen for so many seconds; `transition` is how the scene before gives way to it."""

    text: str
    image: Path | None
    colour: str
    caption: str
    seconds: float
    transition: str


def draw(scene: Scene, size: tuple[int, int], *, keeps_room: bool) -> tuple[Image.Image, str]:
    """The picture, and the signs of its text that the font lacks; with `keeps_room`, captions cover nothing."""
    text, lacking = drawable(scene.text)
    text = text.strip()
    foot = caption_room(size) if keeps_room else 0
    if scene.image is None:
        ground = parsed(scene.colour)
        picture = gradient(size, ground)
        _headline(picture, text, ink_on(ground), ground, foot)
        return picture, lacking
    picture = _photograph(scene.image, size)
    if text:
        _title(picture, text, foot)
    return picture, lacking


def gradient(size: tuple[int, int], ground: Colour) -> Image.Image:
    """The colour, a little lighter at the upper left and deeper at the lower right; dithered, so that no bands show."""
    light, deep = mixed(ground, WHITE, 0.10), mixed(ground, INK, 0.38)
    horizontal = Image.linear_gradient("L").rotate(90)
    blend = Image.blend(horizontal, Image.linear_gradient("L"), 0.55).resize(size, Image.Resampling.BICUBIC)
    noise = Image.effect_noise(size, 9).point(lambda value: value - 128 + 4)
    mask = Image.blend(blend, Image.composite(blend, noise, Image.new("L", size, 235)), 0.5)
    return Image.composite(Image.new("RGB", size, deep), Image.new("RGB", size, light), mask)


def _headline(picture: Image.Image, text: str, ink: Colour, ground: Colour, foot: int) -> None:
    """Large, at the left, in the middle of the height, under a short bar."""
    if not text:
        return
    width, height = picture.size
    margin = round(min(width, height) * MARGIN)
    bar = max(4, round(min(width, height) * 0.012))
    box = width - 2 * margin, height - 2 * margin - foot - 6 * bar
    letters = fit(
        text, "display", *box, largest=round(min(width, height) * 0.13), smallest=round(min(width, height) * 0.035)
    )
    top = margin + (height - 2 * margin - foot - letters.height - 5 * bar) // 2
    pen = ImageDraw.Draw(picture)
    accent = mixed(ground, ink, 0.55)
    pen.rounded_rectangle((margin, top, margin + 12 * bar, top + bar), bar / 2, fill=accent)
    letters.draw(pen, margin, top + 5 * bar, ink)


def _photograph(file: Path, size: tuple[int, int]) -> Image.Image:
    """The picture fills the scene; one of quite another shape is shown whole, on itself out of focus."""
    picture = opened(file)
    flat = Image.alpha_composite(Image.new("RGBA", picture.size, (*WHITE, 255)), picture).convert("RGB")
    kept = min(size[0] / size[1], flat.width / flat.height) / max(size[0] / size[1], flat.width / flat.height)
    if kept > 0.6:
        return ImageOps.fit(flat, size, Image.Resampling.LANCZOS)
    small = ImageOps.fit(flat, (max(1, size[0] // 40), max(1, size[1] // 40)))
    ground = Image.blend(small.resize(size, Image.Resampling.BICUBIC), Image.new("RGB", size, INK), 0.35)
    whole = ImageOps.contain(flat, size, Image.Resampling.LANCZOS)
    ground.paste(whole, ((size[0] - whole.width) // 2, (size[1] - whole.height) // 2))
    return ground


def _title(picture: Image.Image, text: str, foot: int) -> None:
    """At the lower left of a photograph, on a shade that lets it be read."""
    width, height = picture.size
    margin = round(min(width, height) * MARGIN)
    letters = fit(
        text,
        "display",
        width - 2 * margin,
        round(height * 0.4),
        largest=round(min(width, height) * 0.085),
        smallest=round(min(width, height) * 0.035),
    )
    top = height - margin - foot - letters.height
    reach = max(1, top - margin * 2)
    shade = Image.linear_gradient("L").resize((width, height - reach)).point(lambda value: min(225, round(value * 1.9)))
    picture.paste(Image.new("RGB", (width, height - reach), INK), (0, reach), shade)
    letters.draw(ImageDraw.Draw(picture), margin, top, WHITE)


def caption_room(size: tuple[int, int]) -> int:
    """How much of the height captions take, from the foot."""
    return round(size[1] * CAPTION_FOOT + caption_font(size).size * (LEADING * MOST_LINES + 0.6))


def caption_strip(text: str, size: tuple[int, int]) -> tuple[Image.Image, int, int]:
    """A caption on its plate, and where its upper left corner belongs."""
    chosen = caption_font(size)
    lines = drawable(text, "text-bold")[0].splitlines() or [""]
    leading, pad = round(chosen.size * LEADING), round(chosen.size * 0.42)
    wide = min(round(max(chosen.getlength(line) for line in lines)) + 2 * pad, round(size[0] * WIDTH) + 2 * pad)
    high = leading * len(lines) + pad
    strip = Image.new("RGBA", (wide + wide % 2, high + high % 2), (0, 0, 0, 0))
    pen = ImageDraw.Draw(strip)
    pen.rounded_rectangle((0, 0, strip.width - 1, strip.height - 1), chosen.size * 0.3, fill=PLATE)
    for number, line in enumerate(lines):
        at = (strip.width / 2, pad / 2 + leading * (number + 0.5))
        pen.text(at, line, font=chosen, fill=WHITE, anchor="mm")
    return strip, (size[0] - strip.width) // 2, size[1] - round(size[1] * CAPTION_FOOT) - strip.height
