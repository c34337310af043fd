"""Letters in pictures: the fonts, and text that fits its box; and pictures that somebody gave, opened safely."""

import math
import unicodedata
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageOps, UnidentifiedImageError

from engine.renders.colours import Colour
from engine.renders.program import Fault

Font = ImageFont.FreeTypeFont

_FILES = {
    "display": ("font_manrope", "Manrope-ExtraBold.ttf"),
    "display-medium": ("font_manrope", "Manrope-SemiBold.ttf"),
    "text": ("font_source_sans_pro", "SourceSansPro-Regular.ttf"),
    "text-bold": ("font_source_sans_pro", "SourceSansPro-Semibold.ttf"),
}
_NOTHING = "\U000fffff"  # no font has it, so it gives the sign for what a font has not
_KEPT = frozenset("\n\t ")


@cache
def font(face: str, size: int) -> Font:
    """A font by its face (display, display-medium, text, text-bold) and height in pixels."""
    package, name = _FILES[face]
    return ImageFont.truetype(str(_folder(package) / name), size)


@cache
def fonts_folder() -> Path:
    """Where the text faces lie, for programs that look fonts up themselves."""
    return _folder("font_source_sans_pro")


def _folder(package: str) -> Path:
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise Fault(f"The font package {package} is not installed")
    return Path(next(iter(spec.submodule_search_locations))) / "files"


def drawable(text: str, face: str = "display") -> tuple[str, str]:
    """The text as the face can draw it, and the signs that it lacks, each once."""
    text = unicodedata.normalize("NFC", text)
    lacking = {sign for sign in set(text) - _KEPT if not _has(face, sign)}
    kept = "".join(sign for sign in text if sign not in lacking)
    return kept, "".join(sorted(sign for sign in lacking if unicodedata.category(sign)[0] not in "CM"))


@cache
def _has(face: str, sign: str) -> bool:
    drawn, missing = (font(face, 32).getmask(each) for each in (sign, _NOTHING))
    return drawn.size != missing.size or bytes(drawn) != bytes(missing)


@dataclass(frozen=True)
class Lettering:
    """Lines in a font; `height` is of all of them, in pixels."""

    font: Font
    lines: tuple[str, ...]
    leading: int

    @property
    def height(self) -> int:
        """From the top of the first line to the foot of the last."""
        return self.leading * len(self.lines)

    @property
    def width(self) -> int:
        """Of the longest line."""
        return max((round(self.font.getlength(line)) for line in self.lines), default=0)

    def draw(
        self, picture: ImageDraw.ImageDraw, x: float, y: float, colour: Colour, *, width: int = 0, align: str = "left"
    ) -> None:
        """Draw it from (x, y) on; within `width`, lines may be centred or at the right."""
        for number, line in enumerate(self.lines):
            spare = width - self.font.getlength(line) if align != "left" else 0
            at = (x + (spare / 2 if align == "center" else spare), y + number * self.leading)
            picture.text(at, line, font=self.font, fill=colour)


def fit(
    text: str, face: str, width: int, height: int, *, largest: int, smallest: int, leading: float = 1.2
) -> Lettering:
    """The text as large as it fits, words whole if they can be; what is too much even at the smallest size is cut."""
    widest = max((font(face, smallest).getlength(word) for word in text.split()), default=0)
    if 0 < widest <= width:  # at a size at which no word need be broken
        largest = max(smallest, min(largest, int(smallest * width / widest)))
    low, high = smallest, largest
    best = _set(text, face, smallest, width, leading)
    while low <= high:
        size = (low + high) // 2
        tried = _set(text, face, size, width, leading)
        if tried.height <= height and tried.width <= width:
            best, low = tried, size + 1
        else:
            high = size - 1
    return _cut(_balanced(best, text, width), height, width)


def _set(text: str, face: str, size: int, width: int, leading: float) -> Lettering:
    chosen = font(face, size)
    return Lettering(chosen, tuple(wrapped(text, chosen, width)), round(size * leading))


def _balanced(letters: Lettering, text: str, width: int) -> Lettering:
    """The same lines, none much longer than another: a last word by itself looks like a mistake."""
    longest = max((letters.font.getlength(word) for word in text.split()), default=0)
    narrow, wide = min(width, max(width // 2, math.ceil(longest))), width
    while narrow < wide:
        tried = (narrow + wide) // 2
        if len(wrapped(text, letters.font, tried)) <= len(letters.lines):
            wide = tried
        else:
            narrow = tried + 1
    return Lettering(letters.font, tuple(wrapped(text, letters.font, wide)), letters.leading)


def _cut(letters: Lettering, height: int, width: int) -> Lettering:
    room = max(1, height // letters.leading)
    if len(letters.lines) <= room:
        return letters
    last = letters.lines[room - 1]
    while last and letters.font.getlength(f"{last}…") > width:
        last = last[:-1]
    return Lettering(letters.font, (*letters.lines[: room - 1], f"{last.rstrip()}…"), letters.leading)


def wrapped(text: str, chosen: Font, width: int) -> list[str]:
    """The text in lines of at most this width; a word that is longer is broken."""
    lines: list[str] = []
    for paragraph in text.splitlines() or [""]:
        line = ""
        for word in paragraph.split():
            longer = f"{line} {word}" if line else word
            if chosen.getlength(longer) <= width:
                line = longer
                continue
            if line:
                lines.append(line)
            *full, line = _broken(word, chosen, width)
            lines += full
        lines.append(line)
    return lines


def _broken(word: str, chosen: Font, width: int) -> list[str]:
    pieces = [""]
    for sign in word:
        if pieces[-1] and chosen.getlength(pieces[-1] + sign) > width:
            pieces.append("")
        pieces[-1] += sign
    return pieces


def opened(file: Path, *, most: int = 50_000_000) -> Image.Image:
    """A picture that somebody gave, upright, as RGBA.

    Raises:
        Fault: it is broken, or has more than `most` pixels.
    """
    try:
        with Image.open(file) as picture:
            if picture.width * picture.height > most:
                size = f"{picture.width} × {picture.height}"
                raise Fault(f"The picture {file.name} must have at most {most:,} pixels, not {size}")
            return ImageOps.exif_transpose(picture).convert("RGBA")
    except Fault:
        raise
    except Image.DecompressionBombError:
        raise Fault(f"The picture {file.name} must have at most {most:,} pixels, and has far more") from None
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise Fault(f"The picture {file.name} cannot be read: {error}") from None
