"""What templates share: the label, the headline over its subline, and the place of the logo."""

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from engine.renders.cards import shapes
from engine.renders.cards.canvas import Box
from engine.renders.cards.card import Card
from engine.renders.cards.pictures import logo_part
from engine.renders.cards.scene import Entry, Part
from engine.renders.cards.typesetting import Setting, Style, fitted, line_of
from engine.renders.colours import Colour, ink_on

FEW, SOME = 12, 26  # letters
SUBLINE_SHARE = 0.36  # of the room that headline and subline have together


@dataclass(frozen=True)
class Stack:
    """A headline over its subline, and the room between them."""

    headline: Setting
    subline: Setting
    gap: int

    @property
    def height(self) -> int:
        """Of both."""
        return self.headline.height + self.gap + self.subline.height

    def parts(
        self, x: int, y: int, ink: Colour, soft: Colour, *, width: int = 0, align: str = "left", turn: int = 0
    ) -> list[Part]:
        """All lines, beginning at this height."""
        upper = list(self.headline.parts(x, y, ink, width=width, align=align, turn=turn))
        below = y + self.headline.height + self.gap
        next_turn = turn + len(upper)
        return [*upper, *self.subline.parts(x, below, soft, width=width, align=align, turn=next_turn)]


def stacked(card: Card, box: Box, headline: Style, subline: Style, *, measure: int = 0) -> Stack:
    """Headline and subline as large as the box allows; a subline's lines are at most `measure` wide."""
    width = min(box.width, measure or box.width)
    lower = fitted(card.subline, subline, width, round(box.height * SUBLINE_SHARE))
    upper_room = box.height - (lower.height + round(1.5 * subline.largest) if lower.lines else 0)
    upper = fitted(card.headline, headline, box.width, upper_room)
    gap = round(0.38 * upper.font.size + 0.75 * lower.font.size) if lower.lines else 0
    return Stack(upper, lower, gap)


def grown(card: Card, size: int) -> int:
    """The size of a headline in pixels: a few words may be larger."""
    letters = len(card.headline)
    return round(card.canvas.px(size) * (1.5 if letters <= FEW else 1.2 if letters <= SOME else 1.0))


def label_style(card: Card) -> Style:
    """Small capitals, well apart."""
    px = card.canvas.px
    return Style("display-medium", px(21), px(14), tracking=0.11)


def label_parts(
    card: Card, x: int, y: int, colour: Colour, *, width: int, align: str = "left", turn: int = 0
) -> list[Part]:
    """The label in capitals, which begin at `y`."""
    setting = line_of(card.label.upper(), label_style(card), width)
    return list(setting.parts(x, y, colour, width=width, align=align, turn=turn))


def label_room(card: Card) -> int:
    """How wide a label may be in a line whose right end is the logo's."""
    return card.canvas.inner.width - card.canvas.px(270 if card.logo else 40)


def pill(card: Card, x: int, y: int, fill: Colour, *, most: int, align: str = "left", turn: int = 0) -> list[Part]:
    """The label on a round plate whose upper edge is at `y`; centred, `x` is its middle."""
    if not card.label:
        return []
    px = card.canvas.px
    setting = line_of(card.label.upper(), label_style(card), most - px(52))
    size = (setting.width + px(52), pill_height(card))
    left = x - size[0] // 2 if align == "center" else x
    plate = Part(shapes.tile(shapes.rounded(size, size[1] / 2), fill), left, y, turn, Entry.FADE)
    top = y + (size[1] - setting.capital) // 2
    return [plate, *setting.parts(left, top, ink_on(fill), width=size[0], align="center", turn=turn)]


def pill_height(card: Card) -> int:
    """Of the label's plate."""
    return card.canvas.px(48)


def logo_parts(
    card: Card, ground: Image.Image, box: Box, *, align: str = "right", turn: int = 0, plates: Sequence[Colour] = ()
) -> list[Part]:
    """The logo within the box, if there is one."""
    part = logo_part(card.logo, ground, box, align=align, turn=turn, plates=plates) if card.logo else None
    return [part] if part else []


def logo_box(card: Card, *, right: int, top: int) -> Box:
    """Where a logo goes that stands at the right of a line."""
    px = card.canvas.px
    return Box(right - px(240), top, px(240), px(60))
