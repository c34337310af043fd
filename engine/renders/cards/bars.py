"""The bars of a race: names before them, values behind them, everything between pixels where it must be."""

from collections.abc import Iterable, Sequence
from functools import cached_property

from PIL import Image, ImageDraw

from engine.renders.cards import shapes
from engine.renders.cards.canvas import Box, Canvas
from engine.renders.cards.course import Standing
from engine.renders.cards.figures import Figures
from engine.renders.cards.numerals import grouped
from engine.renders.cards.palettes import Tone
from engine.renders.cards.scene import Part, lay
from engine.renders.cards.table import Table
from engine.renders.cards.typesetting import Setting, Style, line_of
from engine.renders.colours import mixed

THICK = 0.72  # of a bar's row
NAMES = 0.3  # of the width, for names, at most
HIGHEST = 104  # pixels of a row, on a landscape


class Bars:
    """Draws bars into a box, at most `shown` at once."""

    def __init__(
        self, canvas: Canvas, tone: Tone, table: Table, zone: Box, shown: int, *, prefix: str = "", suffix: str = ""
    ) -> None:
        self._tone, self._table, self._zone, self._px = tone, table, zone, canvas.px
        self._affixes = prefix, suffix
        self._shown = min(len(table.names), shown)
        self._row = min(zone.height / self._shown, self._px(HIGHEST))
        self._top = zone.y + 0.4 * (zone.height - self._row * self._shown)
        self._thick = round(self._row * THICK)
        self._size = max(13, min(self._px(32), round(self._row * 0.5)))
        self._values = Figures("text-bold", self._size)

    def draw(self, picture: Image.Image, standings: Iterable[Standing], most: float) -> None:
        """Draw every bar that has room; `most` is the value of the longest."""
        pen = ImageDraw.Draw(picture)
        for standing in standings:
            visible = min(1.0, self._shown - standing.place)
            if visible > 0:
                length = self._longest * standing.value / most if most else 0.0
                self._bar(picture, pen, standing, length, visible)

    def _bar(
        self, picture: Image.Image, pen: ImageDraw.ImageDraw, standing: Standing, length: float, visible: float
    ) -> None:
        y = self._top + standing.place * self._row
        if length >= 1:
            layer = shapes.tile(self._end_of(length), self._tone.series[standing.row % len(self._tone.series)])
            lay(picture, layer, self._left, y, visible)
        name, capital = self._names[standing.row]
        lay(picture, name.layer, name.x, y + (self._thick - capital) / 2 + name.y, visible)
        text = self._written(standing.value)
        right = self._left + length + self._px(13) + self._values.width(text)
        ink = mixed(self._tone.far, self._tone.ink, visible)
        self._values.draw(pen, right, y + (self._thick + self._values.capital) / 2, text, ink)

    def _end_of(self, length: float) -> Image.Image:
        """The last part of the longest bar, of this length in pixels and parts of them."""
        size = (int(length) + 1, self._thick)
        shift = (1, 0, self._longest - length, 0, 1, 0)
        return self._whole.transform(size, Image.Transform.AFFINE, shift, Image.Resampling.BILINEAR)

    @cached_property
    def _whole(self) -> Image.Image:
        """The longest bar, round at its end, with a free column behind it to blend with."""
        radius = min(self._px(7), self._thick // 3)
        mask = shapes.rounded((self._longest + radius, self._thick), radius)
        whole = Image.new("L", (self._longest + 2, self._thick), 0)
        whole.paste(mask.crop((radius, 0, mask.width, self._thick)))
        return whole

    @cached_property
    def _names(self) -> Sequence[tuple[Part, int]]:
        """Each name as a part that ends before the bars, and the height of its capitals."""
        width = self._left - self._zone.x - self._px(16)
        empty = Part(Image.new("RGBA", (1, 1)), self._zone.x, 0)
        found = []
        for setting in self._settings:
            parts = setting.parts(self._zone.x, 0, self._tone.ink, width=width, align="right")
            found.append((next(parts, empty), setting.capital))
        return found

    @cached_property
    def _settings(self) -> Sequence[Setting]:
        style = Style("text-bold", self._size, self._size)
        return [line_of(name, style, round(self._zone.width * NAMES)) for name in self._table.names]

    @cached_property
    def _left(self) -> int:
        """Where the bars begin."""
        return self._zone.x + max(setting.width for setting in self._settings) + self._px(16)

    @cached_property
    def _longest(self) -> int:
        """How long a bar may be, so that its value still has room."""
        most = max(max(values) for values in self._table.values)
        room = self._values.width(self._written(most)) + self._px(16)
        return max(20, int(self._zone.right - self._left - room))

    def _written(self, value: float) -> str:
        prefix, suffix = self._affixes
        return f"{prefix}{grouped(value, self._table.decimals)}{suffix}"
