"""Pictures on cards: filling a box, as a medallion, under a veil; and logos that can be seen wherever they stand."""

from collections.abc import Sequence

from PIL import Image, ImageOps, ImageStat

from engine.renders.cards import shapes
from engine.renders.cards.canvas import Box, Canvas
from engine.renders.cards.palettes import Tone
from engine.renders.cards.scene import Entry, Part
from engine.renders.colours import INK, READABLE, WHITE, Colour, contrast, mixed

LOST = 3.0  # below this contrast a logo's part is not seen
MOST_LOST = 0.12  # the share of a logo that may be lost before it gets a plate
OPAQUE = 200  # of 255
ALIKE = 12  # of 255, that colours may differ by
DENSEST = 0.95


def covering(picture: Image.Image, size: tuple[int, int], behind: Colour) -> Image.Image:
    """The picture's middle, filling a box; what it lets through shows this colour."""
    fitted = ImageOps.fit(picture, size, Image.Resampling.LANCZOS)
    ground = Image.new("RGB", size, behind)
    ground.paste(fitted, (0, 0), fitted)
    return ground


def medallion(picture: Image.Image, side: int, behind: Colour) -> Image.Image:
    """The picture's middle in a circle (RGBA)."""
    cut = covering(picture, (side, side), behind).convert("RGBA")
    cut.putalpha(shapes.disc(side))
    return cut


def veiled(picture: Image.Image, canvas: Canvas, tone: Tone, text: Box) -> Image.Image:
    """The picture over all the card, and over it the ground as a veil: dense behind this box, lighter above it."""
    ground = covering(picture, canvas.size, tone.far)
    line = canvas.inner.above(canvas.inner.y + canvas.px(60))  # where label and logo stand
    light, dense = (_density(ground, tone, box, least) for box, least in ((line, 0.2), (text, 0.5)))
    start, end = min(line.bottom, text.y - canvas.px(60)), text.y - canvas.px(10)
    column = [_between(y, start, end, light, dense) for y in range(canvas.height)]
    mask = Image.frombytes("L", (1, canvas.height), bytes(column)).resize(canvas.size)
    ground.paste(Image.new("RGB", canvas.size, tone.ground), (0, 0), mask)
    return ground


def _density(picture: Image.Image, tone: Tone, box: Box, least: float) -> int:
    """How dense the veil must be for text in this box, 0 to 255."""
    worst = _extreme(picture.crop((box.x, box.y, box.right, box.bottom)), tone)
    while least < DENSEST and contrast(mixed(worst, tone.ground, least), tone.ink) < READABLE + 0.3:
        least += 0.02
    return round(255 * least)


def _between(y: int, start: int, end: int, one: int, other: int) -> int:
    share = min(1.0, max(0.0, (y - start) / max(1, end - start)))
    return round(one + (other - one) * share * share * (3 - 2 * share))


def _extreme(picture: Image.Image, tone: Tone) -> Colour:
    """About the colour that the tone's ink is hardest to read on."""
    small = picture.resize((24, 24), Image.Resampling.BOX)
    return min(_pixels(small), key=lambda colour: contrast(colour, tone.ink))


def _pixels(picture: Image.Image) -> list[Colour]:
    channels = iter(picture.convert("RGB").tobytes())
    return list(zip(channels, channels, channels, strict=True))


def logo_part(
    logo: Image.Image,
    ground: Image.Image,
    box: Box,
    *,
    align: str = "right",
    turn: int = 0,
    plates: Sequence[Colour] = (),
) -> Part | None:
    """The logo within the box, on a plate where it would be lost; None if nothing of it can be seen at all.

    With `plates` it stands on one of these in any case.
    """
    seen = logo.getchannel("A").getbbox()
    if seen is None:
        return None
    cut = logo.crop(seen)
    cut = _contained(cut, _weighed(cut.size, box))
    behind = ImageStat.Stat(ground.crop((box.x, box.y, box.right, box.bottom))).mean
    mean = (round(behind[0]), round(behind[1]), round(behind[2]))
    is_cut_out = any(logo.getchannel("A").histogram()[:OPAQUE])
    plate = _plate(cut, mean, plates) if is_cut_out else _edge(cut) or WHITE
    layer = _on_plate(cut, plate, box) if plate else cut
    spare = box.width - layer.width
    x = box.x + {"left": 0, "center": spare // 2, "right": spare}[align]
    return Part(layer, x, box.y + (box.height - layer.height) // 2, turn, Entry.FADE)


def _contained(logo: Image.Image, most: tuple[int, int]) -> Image.Image:
    """The logo as large as it fits; one pixel of it is left however long it is."""
    share = min(most[0] / logo.width, most[1] / logo.height)
    size = (max(1, round(logo.width * share)), max(1, round(logo.height * share)))
    return logo.resize(size, Image.Resampling.LANCZOS)


def _weighed(size: tuple[int, int], box: Box) -> tuple[int, int]:
    """Square logos may be as high as the box, wide ones are lower: so all look alike large."""
    wide = size[0] / size[1]
    share = 1.0 if wide < 1.5 else max(0.56, 1.0 - 0.12 * (wide - 1.5))
    return box.width, max(1, round(box.height * share))


def _plate(logo: Image.Image, behind: Colour, plates: Sequence[Colour]) -> Colour | None:
    """The colour of the plate that the logo needs on this ground, if it needs one."""
    if not plates and _lost(logo, behind) <= MOST_LOST:
        return None
    return min((*plates, WHITE, INK), key=lambda plate: _lost(logo, plate))


def _edge(logo: Image.Image) -> Colour | None:
    """The colour all around a logo without transparency, if it is one; then a plate of it looks whole."""
    corners = [(x, y) for x in (0, logo.width - 1) for y in (0, logo.height - 1)]
    first, *others = (_pixels(logo.crop((x, y, x + 1, y + 1)))[0] for x, y in corners)
    alike = all(max(abs(a - b) for a, b in zip(first, other, strict=True)) < ALIKE for other in others)
    return first if alike else None


def _lost(logo: Image.Image, behind: Colour) -> float:
    """The share of the logo that cannot be seen on this colour."""
    small = logo.resize((32, 32), Image.Resampling.BOX)
    cover = small.getchannel("A").tobytes()
    solid = [colour for colour, alpha in zip(_pixels(small), cover, strict=True) if alpha > OPAQUE // 3]
    return sum(contrast(colour, behind) < LOST for colour in solid) / len(solid) if solid else 1.0


def _on_plate(logo: Image.Image, plate: Colour, box: Box) -> Image.Image:
    across, down = round(box.height * 0.24), round(box.height * 0.17)
    inner = _contained(logo, (box.width - 2 * across, box.height - 2 * down))
    made = shapes.tile(shapes.rounded((inner.width + 2 * across, inner.height + 2 * down), box.height * 0.2), plate)
    made.alpha_composite(inner, (across, down))
    return made
