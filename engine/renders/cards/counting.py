"""A number that counts up, or down, in the middle of a card."""

from dataclasses import dataclass

from PIL import Image, ImageDraw

from engine.renders.cards import shapes, stack
from engine.renders.cards.canvas import Box
from engine.renders.cards.card import Card
from engine.renders.cards.figures import Figures
from engine.renders.cards.motion import eased_out, smoothed
from engine.renders.cards.numerals import decimals_of, grouped
from engine.renders.cards.pictures import veiled
from engine.renders.cards.scene import Part, Scene, lay
from engine.renders.cards.typesetting import Style
from engine.renders.colours import mixed

COUNTING_SHARE = 0.64  # of the loop; then the number stays
LINE_GAP = 46  # between the number, the line and the words, in pixels of a landscape
GLIDE_SECONDS, GLIDE_SHARE = 0.4, 0.1  # in which the number makes room for one more digit, and of the loop at most
LARGEST, SMALLEST = 224, 30  # the number's height in pixels of a landscape


@dataclass(frozen=True)
class Count:
    """What is counted: from and to, and what stands before and behind the number."""

    start: float
    end: float
    prefix: str = ""
    suffix: str = ""

    def number(self, share: float) -> str:
        """The number when this share of the way is done."""
        decimals = decimals_of(self.start, self.end)
        return grouped(self.end if share >= 1 else self.start + (self.end - self.start) * share, decimals)


class Counting:
    """The number, with the headline below it and a line that grows as it counts."""

    def __init__(self, card: Card, count: Count, seconds: float) -> None:
        self.seconds, self._count, self._card = seconds, count, card
        self._glide = min(GLIDE_SECONDS, seconds * GLIDE_SHARE)
        self.telling = seconds * COUNTING_SHARE + self._glide
        self._figures = self._fitting(card.canvas.inner.width)
        lower = _words(card)
        self._baseline = _top(card, self._figures.capital, lower) + self._figures.capital
        self._line = self._baseline + card.canvas.px(LINE_GAP)
        self._base = self._drawn(lower)
        self._last: tuple[float, Image.Image] | None = None

    def at(self, second: float) -> Image.Image:
        """The number at this second."""
        second = min(second, self.telling)
        if self._last is None or self._last[0] != second:
            self._last = (second, self._picture(second))
        return self._last[1]

    def _picture(self, second: float) -> Image.Image:
        picture = self._base.copy()
        (width,) = smoothed(self._widths, second - self._glide / 2, self._glide)
        self._write(picture, self._count.number(self._share(second)), width)
        line = self._track()
        grown = round(line.width * self._share(second))
        if grown > line.height:
            mask = shapes.rounded((grown, line.height), line.height / 2)
            lay(picture, shapes.tile(mask, self._card.tone.accent), line.x, line.y)
        return picture

    def _widths(self, second: float) -> list[float]:
        return [self._figures.width(self._count.number(self._share(second)))]

    def _share(self, second: float) -> float:
        return eased_out(second / (self.seconds * COUNTING_SHARE))

    def _fitting(self, width: int) -> Figures:
        largest = self._card.canvas.px(LARGEST)
        figures = Figures("display", largest)
        widest = max(figures.width(self._all(share)) for share in (0.0, 1.0))
        smallest = self._card.canvas.px(SMALLEST)
        return Figures("display", max(smallest, min(largest, int(largest * width / max(1.0, widest)))))

    def _all(self, share: float) -> str:
        return f"{self._count.prefix}{self._count.number(share)}{self._count.suffix}"

    def _write(self, picture: Image.Image, number: str, width: float) -> None:
        """The number in the middle of the card as if it were so wide, between what stands beside it."""
        figures, pen, (_, signal) = self._figures, ImageDraw.Draw(picture), self._card.letters
        before, after = figures.width(self._count.prefix), figures.width(self._count.suffix)
        right = (picture.width + before + width - after) / 2
        figures.draw(pen, right, self._baseline, number, self._card.tone.ink)
        figures.draw(pen, right - figures.width(number), self._baseline, self._count.prefix, signal)
        figures.draw(pen, right + after, self._baseline, self._count.suffix, signal)

    def _track(self) -> Box:
        canvas = self._card.canvas
        width = canvas.px(300)
        return Box((canvas.width - width) // 2, self._line, width, canvas.px(6))

    def _drawn(self, lower: stack.Stack) -> Image.Image:
        """All that does not change."""
        card, inner, tone, px = self._card, self._card.canvas.inner, self._card.tone, self._card.canvas.px
        ground = _ground(card)
        parts = stack.label_parts(card, inner.x, inner.y + px(22), tone.ink, width=inner.width, align="center")
        place = Box((card.canvas.width - px(230)) // 2, inner.bottom - px(56), px(230), px(56))
        parts += stack.logo_parts(card, ground, place, align="center")
        line = self._track()
        track = shapes.tile(shapes.rounded((line.width, line.height), line.height / 2), mixed(tone.far, tone.ink, 0.25))
        parts.append(Part(track, line.x, line.y))
        soft, _ = card.letters
        parts += lower.parts(inner.x, line.bottom + px(LINE_GAP), tone.ink, soft, width=inner.width, align="center")
        return Scene(ground, parts).still()


def _ground(card: Card) -> Image.Image:
    canvas, tone = card.canvas, card.tone
    if card.picture:
        return veiled(card.picture, canvas, tone, canvas.inner)
    ground = shapes.gradient(canvas.size, tone.ground, tone.far, across=0.3)
    shapes.light(ground, (canvas.width / 2, canvas.height * 0.4), canvas.px(560), tone.lit(0.3), 1)
    return ground


def _words(card: Card) -> stack.Stack:
    px, inner = card.canvas.px, card.canvas.inner
    box = Box(0, 0, min(inner.width, px(840)), round(inner.height * 0.36))
    return stack.stacked(
        card, box, Style("display-medium", px(50), px(24), 1.16, -0.02, 0.18), Style("text", px(30), px(19), 1.34)
    )


def _top(card: Card, digits: int, lower: stack.Stack) -> int:
    """Where the number begins, so that all of it stands in the middle of what label and logo leave."""
    px, inner = card.canvas.px, card.canvas.inner
    above, below = (px(80) if given else 0 for given in (card.label, card.logo))
    whole = digits + px(LINE_GAP) * 2 + px(6) + lower.height
    return inner.y + above + (inner.height - above - below - whole) // 2
