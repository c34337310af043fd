"""Numbers: the headline's first line as large as it goes, what it means below, and bars that rise beside it."""

from PIL import Image

from engine.renders.cards import shapes, stack
from engine.renders.cards.canvas import Box
from engine.renders.cards.card import Card
from engine.renders.cards.pictures import veiled
from engine.renders.cards.scene import Entry, Part, Scene
from engine.renders.cards.typesetting import Setting, Style, fitted, line_of
from engine.renders.colours import mixed

SHORT = 14  # letters
HEIGHTS = (0.2, 0.3, 0.26, 0.42, 0.38, 0.56, 0.72, 1.0)  # shares of the room that the bars have


def scene(card: Card) -> Scene:
    """The card in layers."""
    tone, px, inner = card.tone, card.canvas.px, card.canvas.inner
    ground = _ground(card)
    parts = stack.label_parts(card, inner.x, inner.y + px(22), card.letters[1], width=stack.label_room(card))
    parts += stack.logo_parts(card, ground, stack.logo_box(card, right=inner.right, top=inner.y))
    figure, _, meaning = card.headline.partition("\n")
    room = inner.below(inner.y + px(96))
    number = _figure(card, figure, room)
    parts += number.parts(inner.x, room.y, tone.ink, turn=1)
    below = room.below(room.y + number.height + px(60))
    column = below.narrowed(round(below.width * (0.56 if card.canvas.is_wide else 1)))
    parts += _meaning(card, meaning, column)
    if card.picture is None:
        parts += _bars(card, _bars_room(card, below, column, parts))
    return Scene(ground, parts)


def _figure(card: Card, figure: str, room: Box) -> Setting:
    """A short one stands in one line."""
    px = card.canvas.px
    style = Style("display", px(280), px(40), 1.06, -0.045, 0.18)
    height = round(room.height * 0.58)
    return line_of(figure, style, room.width) if len(figure) <= SHORT else fitted(figure, style, room.width, height)


def _ground(card: Card) -> Image.Image:
    canvas, tone = card.canvas, card.tone
    if card.picture:
        return veiled(card.picture, canvas, tone, canvas.inner)
    return shapes.gradient(canvas.size, tone.ground, mixed(tone.ground, tone.far, 0.55), across=0.3)


def _meaning(card: Card, meaning: str, column: Box) -> list[Part]:
    """What the number says: at the foot of a landscape, right under the number elsewhere."""
    tone, px = card.tone, card.canvas.px
    caption = fitted(
        card.subline, Style("text", px(32), px(20), 1.34), column.width, round(column.height * (0.6 if meaning else 1))
    )
    room = column.height - (caption.height + px(36) if caption.lines else 0)
    title = fitted(" ".join(meaning.split()), Style("display-medium", px(42), px(24), 1.16, -0.015), column.width, room)
    gap = px(36) if title.lines and caption.lines else 0
    top = column.bottom - title.height - gap - caption.height if card.canvas.is_wide else column.y
    soft, _ = card.letters
    upper = title.parts(column.x, top, tone.ink, turn=3)
    return [*upper, *caption.parts(column.x, top + title.height + gap, soft, turn=4)]


def _bars_room(card: Card, below: Box, column: Box, parts: list[Part]) -> Box:
    px = card.canvas.px
    if card.canvas.is_wide:
        return Box(column.right + px(60), below.y, below.right - column.right - px(60), below.height)
    text_foot = max(part.y + part.layer.height for part in parts)
    return below.below(text_foot + px(70))


def _bars(card: Card, room: Box) -> list[Part]:
    tone, px = card.tone, card.canvas.px
    gap = px(12)
    step = (room.width + gap) / len(HEIGHTS)
    if room.height < px(60) or step < px(20):
        return []
    parts = []
    for number, share in enumerate(HEIGHTS):
        left, right = (room.x + round(place * step) for place in (number, number + 1))
        size = (right - left - gap, round(room.height * share))
        is_last = number == len(HEIGHTS) - 1
        colour = tone.accent if is_last else mixed(tone.far, tone.second, 0.2 + 0.6 * number / len(HEIGHTS))
        layer = shapes.tile(shapes.rounded(size, px(7)), colour)
        parts.append(Part(layer, left, room.bottom - size[1], 1 + number // 2, Entry.UP))
    return parts
