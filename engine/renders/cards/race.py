"""A bar race: bars grow and change places from step to step of a table."""

from dataclasses import replace

from PIL import Image, ImageDraw

from engine.renders.cards import shapes, stack
from engine.renders.cards.bars import Bars
from engine.renders.cards.canvas import Box, Canvas
from engine.renders.cards.card import Card
from engine.renders.cards.course import Course
from engine.renders.cards.figures import Figures
from engine.renders.cards.pictures import veiled
from engine.renders.cards.scene import Part, Scene
from engine.renders.cards.table import Table
from engine.renders.cards.typesetting import Style

STEP = 0.4  # of the width, for the step's name, at most


def shown(canvas: Canvas) -> int:
    """How many bars have room; those behind them wait below."""
    return 8 if canvas.is_wide else 20 if canvas.is_tall else 15


class Race:
    """The bars, with the headline above them and the step's name in the upper right corner."""

    def __init__(self, card: Card, table: Table, seconds: float, *, prefix: str = "", suffix: str = "") -> None:
        self._card, self._table, self._course = card, table, Course(table, seconds)
        self.seconds, self.telling = seconds, self._course.settled
        self._step = _step_figures(card, table)
        self._top, words = _head(card, round(max(map(self._step.width, table.steps))))
        inner, px = card.canvas.inner, card.canvas.px
        foot = self._top + max(words.height, self._step.capital)
        self._base = self._drawn(words)
        inner = replace(inner, height=inner.height + px(14)) if card.canvas.is_wide else inner
        zone = inner.below(foot + px(34))
        self._bars = Bars(card.canvas, card.tone, table, zone, shown(card.canvas), prefix=prefix, suffix=suffix)
        self._last: tuple[float, Image.Image] | None = None

    def at(self, second: float) -> Image.Image:
        """The race at this second."""
        second = min(second, self.telling)
        if self._last is None or self._last[0] != second:
            self._last = (second, self._picture(second))
        return self._last[1]

    def _picture(self, second: float) -> Image.Image:
        picture = self._base.copy()
        step = self._table.steps[round(self._course.position(second))]
        right, baseline = self._card.canvas.inner.right, self._top + self._step.capital
        self._step.draw(ImageDraw.Draw(picture), right, baseline, step, self._card.letters[1])
        standings = self._course.standings(second)
        self._bars.draw(picture, standings, max(standing.value for standing in standings))
        return picture

    def _drawn(self, words: stack.Stack) -> Image.Image:
        """All that does not change."""
        card, inner, tone, px = self._card, self._card.canvas.inner, self._card.tone, self._card.canvas.px
        ground = _ground(card)
        soft, _ = card.letters
        parts: list[Part] = []
        if card.label or card.logo:
            parts += stack.label_parts(card, inner.x, inner.y + px(12), soft, width=stack.label_room(card))
            parts += stack.logo_parts(card, ground, Box(inner.right - px(200), inner.y, px(200), px(44)))
        return Scene(ground, [*parts, *words.parts(inner.x, self._top, tone.ink, soft)]).still()


def _ground(card: Card) -> Image.Image:
    canvas, tone = card.canvas, card.tone
    if card.picture:
        return veiled(card.picture, canvas, tone, canvas.whole)
    return shapes.gradient(canvas.size, tone.ground, tone.far, across=0.35)


def _head(card: Card, step: int) -> tuple[int, stack.Stack]:
    """Where headline and step begin, and the words beside the step."""
    px, inner = card.canvas.px, card.canvas.inner
    top = inner.y + (px(62) if card.label or card.logo else 0)
    box = Box(inner.x, top, inner.width - step - px(40), px(128 if card.canvas.is_wide else 160))
    style = Style("display", px(46), px(22), 1.12, -0.025, 0.18)
    return top, stack.stacked(card, box, style, Style("text", px(24), px(17), 1.3))


def _step_figures(card: Card, table: Table) -> Figures:
    largest = card.canvas.px(76)
    width = max(map(Figures("display", largest).width, table.steps))
    most = card.canvas.inner.width * STEP
    return Figures("display", max(12, min(largest, int(largest * most / max(1.0, width)))))
