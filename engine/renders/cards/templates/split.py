"""Split: one half a field of colour with the text, the other a picture or a pattern."""

from PIL import Image

from engine.renders.cards import stack
from engine.renders.cards.canvas import Box
from engine.renders.cards.card import Card
from engine.renders.cards.pattern import pattern
from engine.renders.cards.pictures import covering
from engine.renders.cards.scene import Scene
from engine.renders.cards.typesetting import Style

GRIDS = {"wide": (4, 5, 126), "square": (5, 2, 216), "tall": (4, 3, 270)}  # columns, rows, side in pixels


def scene(card: Card) -> Scene:
    """The card in layers."""
    canvas, tone, px = card.canvas, card.tone, card.canvas.px
    columns, rows, side = GRIDS["wide" if canvas.is_wide else "tall" if canvas.is_tall else "square"]
    half = (columns * side, rows * side)
    ground = Image.new("RGB", canvas.size, tone.ground)
    shown = (
        covering(card.picture, half, tone.far) if card.picture else pattern(columns, rows, side, tone, card.headline)
    )
    ground.paste(shown, (canvas.width - half[0], 0))
    field = _field(card, half)
    parts = stack.pill(card, field.x, field.y, tone.accent, most=field.width - px(210), turn=0)
    parts += stack.logo_parts(card, ground, _logo(card, field))
    taken = stack.pill_height(card) + px(46) if card.label or card.logo else 0
    room = field.below(field.y + taken)
    text = stack.stacked(
        card,
        room,
        Style("display", stack.grown(card, 74 if canvas.is_wide else 96), px(28), 1.1, -0.03, 0.18),
        Style("text", px(29), px(19), 1.36),
    )
    return Scene(ground, [*parts, *text.parts(room.x, room.bottom - text.height, tone.ink, tone.soft, turn=1)])


def _field(card: Card, half: tuple[int, int]) -> Box:
    canvas, inner = card.canvas, card.canvas.inner
    if canvas.is_wide:
        return inner.narrowed(canvas.width - half[0] - inner.x - canvas.px(60))
    return inner.below(half[1] + canvas.px(56))


def _logo(card: Card, field: Box) -> Box:
    """At the right of the label's line."""
    px = card.canvas.px
    return Box(field.right - px(190), field.y, px(190), stack.pill_height(card))
