"""Quote: a large quotation mark, the words, and below them who said so; the label tells their role."""

from PIL import Image

from engine.renders import lettering
from engine.renders.cards import shapes, stack
from engine.renders.cards.canvas import Box
from engine.renders.cards.card import Card
from engine.renders.cards.pictures import medallion
from engine.renders.cards.scene import Entry, Part, Scene
from engine.renders.cards.typesetting import Setting, Style, fitted, line_of

AUTHOR = 84  # the height of the line that tells who said so, in pixels of a landscape
QUOTES = "\"'“”„‟«»‘’"


def scene(card: Card) -> Scene:
    """The card in layers."""
    canvas, tone, px = card.canvas, card.tone, card.canvas.px
    ground = shapes.gradient(canvas.size, tone.ground, tone.far, across=0.5)
    inner = canvas.inner
    mark = _mark(card, inner)
    column = _column(card, inner, mark)
    words = card.headline.strip().strip(QUOTES).strip() or card.headline
    author, author_top = _author(card, column)
    room = column.above(author_top - px(56))
    text = fitted(
        words, Style("display-medium", stack.grown(card, 80), px(28), 1.2, -0.03, 0.18), room.width, room.height
    )
    top = room.y if canvas.is_wide else room.y + max(0, (room.height - text.height) // 3)
    parts = [mark, *text.parts(room.x, top, tone.ink, turn=1), *author]
    return Scene(ground, [*parts, *stack.logo_parts(card, ground, _logo(card), turn=6)])


def _logo(card: Card) -> Box:
    """Beside the author in a landscape, else beside the mark."""
    px, inner = card.canvas.px, card.canvas.inner
    y = inner.bottom - px(AUTHOR + 60) // 2 if card.canvas.is_wide else inner.y
    return Box(inner.right - px(230), y, px(230), px(60))


def _mark(card: Card, inner: Box) -> Part:
    face = lettering.font("display", card.canvas.px(400))
    (part,) = Setting(face, ("“",), 0, 0).parts(inner.x, inner.y, card.tone.accent)
    return Part(part.layer, inner.x, inner.y, 0, Entry.RISE)


def _column(card: Card, inner: Box, mark: Part) -> Box:
    """The words stand beside the mark in a landscape, else below it."""
    px = card.canvas.px
    if card.canvas.is_wide:
        indent = mark.layer.width + px(56)
        return Box(inner.x + indent, inner.y + px(4), inner.width - indent, inner.height - px(4))
    return inner.below(inner.y + mark.layer.height + px(52))


def _author(card: Card, inner: Box) -> tuple[list[Part], int]:
    """The parts that tell who said so, at the box's foot, and where they begin."""
    tone, px = card.tone, card.canvas.px
    sign = _sign(card)
    x = inner.x + (sign.width + px(24) if sign else 0)
    width = inner.right - px(260 if card.logo and card.canvas.is_wide else 0) - x
    name = fitted(card.subline, Style("text-bold", px(32), px(19), 1.25), width, px(104))
    role = line_of(card.label, Style("text", px(25), px(18)), width)
    gap = px(20) if name.lines and role.lines else 0
    text = name.height + gap + role.height
    high = max(px(AUTHOR), text)
    top = inner.bottom - high
    y = top + (high - text) // 2
    parts = [Part(sign, inner.x, top + (high - sign.height) // 2, 4, Entry.FADE)] if sign else []
    parts += name.parts(x, y, tone.ink, turn=4)
    return [*parts, *role.parts(x, y + name.height + gap, tone.soft, turn=5)], top


def _sign(card: Card) -> Image.Image | None:
    """The speaker's picture, or a dash before the name."""
    px = card.canvas.px
    if card.picture:
        return medallion(card.picture, px(AUTHOR), card.tone.far)
    return Image.new("RGBA", (px(44), px(5)), (*card.tone.accent, 255)) if card.subline or card.label else None
