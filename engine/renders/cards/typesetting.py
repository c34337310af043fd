"""Text as a typographer sets it: spaced, balanced, and placed by what is seen instead of by the letters' boxes."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from PIL import Image, ImageDraw

from engine.renders import lettering
from engine.renders.cards import breaking
from engine.renders.cards.scene import Entry, Part
from engine.renders.cards.shapes import tile
from engine.renders.colours import Colour
from engine.renders.lettering import Font

_HANGING = "“”„\"'‘’«»"  # a line that begins with one is aligned by the letter behind it
_LEFT_OUT = " ,;:–—-"  # never right before an ellipsis
_TRIAL = 100  # pixels
_WORTH_BREAKING = 0.5  # of the largest size: rather than smaller, a long word is broken
_OVERHANG = 0.5  # of a pointed or round beginning, how much stands out beyond the margin


@dataclass(frozen=True)
class Style:
    """How text is set; sizes in pixels, `tracking` (between letters) and `leading` (between lines) in sizes.

    `yields` is the share of its size that it gives up for lines of like lengths.
    """

    face: str
    largest: int
    smallest: int
    leading: float = 1.2
    tracking: float = 0.0
    yields: float = 0.0


@dataclass(frozen=True)
class Setting:
    """Lines of text in a style; heights are from the first line's capitals to the last line's foot."""

    font: Font
    lines: tuple[str, ...]
    leading: int
    tracking: float

    @property
    def capital(self) -> int:
        """The height of a capital letter."""
        return -round(self.font.getbbox("H", anchor="ls")[1])

    @property
    def height(self) -> int:
        """Of all lines; 0 where there are none."""
        return self.capital + self.leading * (len(self.lines) - 1) if self.lines else 0

    @property
    def width(self) -> int:
        """Of the longest line."""
        return max((math.ceil(self.advance(line)) for line in self.lines), default=0)

    def advance(self, line: str) -> float:
        """How far the pen goes."""
        return self.font.getlength(line) + self.tracking * max(0, len(breaking.clusters(line)) - 1)

    def parts(
        self, x: int, y: int, colour: Colour, *, width: int = 0, align: str = "left", turn: int = 0
    ) -> Iterator[Part]:
        """Each line as a part, the first one's capitals beginning at `y`; one turn after the other."""
        for number, line in enumerate(self.lines):
            mask, baseline = self._mask(line)
            if (seen := mask.getbbox()) is None:
                continue
            left = x + _aligned(seen, width, align) - (self._hanging(line, mask, seen[0]) if align == "left" else 0)
            top = y + self.capital + number * self.leading - baseline
            yield Part(tile(mask.crop(seen), colour), left + seen[0], top + seen[1], turn + number, Entry.RISE)

    def _mask(self, line: str) -> tuple[Image.Image, int]:
        ascent, descent = self.font.getmetrics()
        spare = self.font.size // 2 + 1
        size = (math.ceil(self.advance(line) + 2 * spare), round(ascent + descent + spare))
        mask = Image.new("L", size, 0)
        pen = ImageDraw.Draw(mask)
        for at, cluster in self._places(line):
            pen.text((spare + at, ascent), cluster, font=self.font, fill=255, anchor="ls")
        return mask, round(ascent)

    def _places(self, line: str) -> Iterator[tuple[float, str]]:
        """Letters and how far from the line's beginning they stand, kerning kept."""
        if not self.tracking:
            yield 0.0, line
            return
        before = ""
        for number, cluster in enumerate(breaking.clusters(line)):
            before += cluster
            kerned = self.font.getlength(before) - self.font.getlength(cluster)
            yield kerned + number * self.tracking, cluster

    def _hanging(self, line: str, mask: Image.Image, left: int) -> int:
        """How far a line stands out to the left, so that lines seem to begin at the same place."""
        if len(line) > 1 and line[0] in _HANGING:
            return round(self.font.getlength(line[0]))
        edge = mask.crop((left, 0, left + max(2, self.font.size // 4), mask.height))
        columns = edge.resize((edge.width, 1), Image.Resampling.BOX).tobytes()
        dense = max(columns) * 0.45
        stem = next(index for index, value in enumerate(columns) if value >= dense)
        return round(_OVERHANG * min(stem, self.font.size * 0.09))


def _aligned(seen: tuple[int, int, int, int], width: int, align: str) -> int:
    """What the ink must be moved by so that it begins, is centred or ends exactly where it should."""
    if align == "center":
        return round((width - (seen[2] - seen[0])) / 2) - seen[0]
    return width - seen[2] if align == "right" else -seen[0]


def fitted(text: str, style: Style, width: int, height: int) -> Setting:
    """The text as large as style and room allow, in lines of like lengths; no word is broken that could be whole.

    What is too much even at the smallest size ends with an ellipsis.
    """
    if not text.strip():
        return _set((), style, style.smallest)
    low = style.smallest
    high = max(low, min(style.largest, max(_whole_words(text, style, width), round(style.largest * _WORTH_BREAKING))))
    while low < high:
        size = (low + high + 1) // 2
        if _broken(text, style, size, width).height <= height:
            low = size
        else:
            high = size - 1
    sizes = range(low, max(style.smallest, round(low * (1 - style.yields))) - 1, -max(1, low // 24))
    tried = (_set(breaking.balanced(text, _measure(style, size), width), style, size) for size in sizes)
    return _cut(min(tried, key=lambda setting: _ugliness(setting, low)), width, height)


def line_of(text: str, style: Style, width: int) -> Setting:
    """The text in one line, smaller if need be, and cut at its end if that does not do."""
    text = " ".join(text.split())
    if not text:
        return _set((), style, style.smallest)
    widest = _measure(style, style.largest)(text)
    size = max(style.smallest, min(style.largest, int(style.largest * width / max(1, widest))))
    return _cut(_set((text,), style, size), width, 0)


def _set(lines: Sequence[str], style: Style, size: int) -> Setting:
    return Setting(lettering.font(style.face, size), tuple(lines), round(size * style.leading), style.tracking * size)


def _broken(text: str, style: Style, size: int, width: int) -> Setting:
    return _set(breaking.greedy(text, _measure(style, size), width), style, size)


def _measure(style: Style, size: int) -> breaking.Measure:
    return _set((), style, size).advance


def _whole_words(text: str, style: Style, width: int) -> int:
    """The largest size at which the longest word stays whole."""
    longest = max(_measure(style, _TRIAL)(word) for word in text.split())
    return int(_TRIAL * width / longest) - 1 if longest else style.largest


def _ugliness(setting: Setting, size: int) -> float:
    """What speaks against a setting: ragged lines, and that it is smaller than it might be."""
    return breaking.raggedness(setting.lines, setting.advance) + 0.5 * (1 - setting.font.size / size)


def _cut(setting: Setting, width: int, height: int) -> Setting:
    """As many lines as the room has; the last one says that more would follow."""
    room = max(1, 1 + (height - setting.capital) // setting.leading)
    lines = setting.lines[:room]
    last = lines[-1]
    if len(setting.lines) <= room and setting.advance(last) <= width:
        return setting
    while last and setting.advance(f"{last}…") > width:
        last = last[:-1]
    return replace(setting, lines=(*lines[:-1], f"{last.rstrip(_LEFT_OUT)}…"))
