"""Editorial: light paper, thin rules, an accent bar and much white; a picture stands in a column of its own."""

from PIL import Image

from engine.renders.cards import stack
from engine.renders.cards.canvas import Box
from engine.renders.cards.card import Card
from engine.renders.cards.pictures import covering
from engine.renders.cards.scene import Entry, Part, Scene
from engine.renders.cards.typesetting import Style, fitted

LONG = 80  # letters; a longer headline needs some of the picture's room


def scene(card: Card) -> Scene:
    """The card in layers."""
    tone, px = card.tone, card.canvas.px
    ground = Image.new("RGB", card.canvas.size, tone.ground)
    column = _column(card, ground)
    head = column.y + (px(56) if card.label or card.logo else 0)
    parts = _rule(card, column, head)
    parts += stack.label_parts(card, column.x, head - px(48), tone.signal, width=column.width - px(260))
    box = Box(column.right - px(220), head - px(66), px(220), px(50))
    parts += stack.logo_parts(card, ground, box)
    below = fitted(
        card.subline,
        Style("text", px(29), px(19), 1.36),
        min(column.width, px(800)),
        px(170 if card.canvas.is_tall else 122),
    )
    foot = column.bottom - below.height
    if below.lines:
        parts += _rule(card, column, foot - px(38))
        parts += below.parts(column.x, foot, tone.soft, turn=5)
    parts += _headline(card, column, head, foot - px(38) if below.lines else column.bottom)
    return Scene(ground, parts)


def _headline(card: Card, column: Box, top: int, foot: int) -> list[Part]:
    tone, px = card.tone, card.canvas.px
    air, bar, indent = px(46), px(9), px(40)
    style = Style("display-medium", stack.grown(card, 94), px(30), 1.12, -0.03, 0.18)
    text = fitted(card.headline, style, column.width - indent, foot - top - 2 * air)
    y = top + max(air, round((foot - top - text.height) * 0.5))
    mark = Image.new("RGBA", (bar, text.height), (*tone.accent, 255))
    return [
        Part(mark, column.x, y, 1, Entry.DOWN),
        *text.parts(column.x + indent, y, tone.ink, turn=1),
    ]


def _column(card: Card, ground: Image.Image) -> Box:
    """Where the text goes; a picture is laid beside or above it."""
    canvas, inner = card.canvas, card.canvas.inner
    if card.picture is None:
        return inner
    if canvas.is_wide:
        wide = round(canvas.width * 0.36)
        picture = covering(card.picture, (wide, canvas.height), card.tone.far)
        ground.paste(picture, (canvas.width - wide, 0))
        return inner.narrowed(canvas.width - wide - inner.x - canvas.px(56))
    high = round(canvas.height * (0.4 if len(card.headline) <= LONG else 0.29))
    ground.paste(covering(card.picture, (canvas.width, high), card.tone.far), (0, 0))
    return inner.below(high + canvas.px(24))


def _rule(card: Card, column: Box, y: int) -> list[Part]:
    line = Image.new("RGBA", (column.width, max(1, card.canvas.px(1.6))), (*card.tone.line, 255))
    return [Part(line, column.x, y, 0, Entry.ACROSS)]
