"""Spotlight: large type at the foot of a deep gradient, with a soft light and rings above it."""

from PIL import Image

from engine.renders.cards import shapes, stack
from engine.renders.cards.canvas import Box
from engine.renders.cards.card import Card
from engine.renders.cards.pictures import veiled
from engine.renders.cards.scene import Entry, Part, Scene
from engine.renders.cards.typesetting import Style

RINGS = ((150, 0.34), (232, 0.24), (330, 0.16), (446, 0.10), (580, 0.06))  # radius, and how visible


def scene(card: Card) -> Scene:
    """The card in layers."""
    canvas, tone, px = card.canvas, card.tone, card.canvas.px
    inner = canvas.inner
    room = inner.below(inner.y + px(112)).narrowed(px(960))
    text = stack.stacked(
        card,
        room,
        Style("display", stack.grown(card, 118), px(34), 1.08, -0.03, 0.18),
        Style("text", px(34), px(21), 1.34),
        measure=px(820),
    )
    top = inner.bottom - text.height
    ground = _ground(card, Box(inner.x, top, inner.width, text.height))
    parts = [] if card.picture else _rings(card)
    dot = px(13)
    if card.label:
        label_y = inner.y + px(22)
        parts.append(Part(shapes.tile(shapes.disc(dot), tone.accent), inner.x, label_y + px(1), 0, Entry.RISE))
        parts += stack.label_parts(card, inner.x + dot + px(14), label_y, tone.ink, width=stack.label_room(card))
    parts += text.parts(inner.x, top, tone.ink, card.letters[0], turn=1)
    return Scene(
        ground, [*parts, *stack.logo_parts(card, ground, stack.logo_box(card, right=inner.right, top=inner.y))]
    )


def _ground(card: Card, text: Box) -> Image.Image:
    canvas, tone = card.canvas, card.tone
    if card.picture:
        return veiled(card.picture, canvas, tone, text)
    ground = shapes.gradient(canvas.size, tone.ground, tone.far, across=0.62 if canvas.is_wide else 0.4)
    shapes.light(ground, _centre(card), canvas.px(560), tone.lit(0.62), 1)
    return ground


def _centre(card: Card) -> tuple[float, float]:
    canvas = card.canvas
    return canvas.width * 0.86, canvas.height * (0.12 if canvas.is_wide else 0.2)


def _rings(card: Card) -> list[Part]:
    x, y = _centre(card)
    parts = []
    for radius, share in RINGS:
        wide = card.canvas.px(radius)
        mask = shapes.thinned(shapes.ring(wide, 1.6 * card.canvas.scale), share)
        parts.append(Part(shapes.tile(mask, card.tone.ink), round(x - wide), round(y - wide), 0, Entry.FADE))
    return parts
