"""Badge: everything on one axis within a rounded frame, with the label on its upper edge."""

from dataclasses import replace

from PIL import Image, ImageDraw

from engine.renders.cards import shapes, stack
from engine.renders.cards.canvas import Box
from engine.renders.cards.card import Card
from engine.renders.cards.palettes import Tone
from engine.renders.cards.pictures import medallion
from engine.renders.cards.scene import Entry, Part, Scene
from engine.renders.cards.typesetting import Style
from engine.renders.colours import mixed

RAYS = 32
RAY = 0.032  # how much lighter a ray is


def scene(card: Card) -> Scene:
    """The card in layers."""
    canvas, px = card.canvas, card.canvas.px
    lit = card.tone.lit(0.3)
    tone = replace(card.tone, far=mixed(lit, card.tone.ink, RAY))
    ground = Image.new("RGB", canvas.size, card.tone.far)
    shapes.light(ground, (canvas.width / 2, canvas.height * 0.44), canvas.px(640), lit, 1)
    _rays(ground, card)
    frame = _frame(card)
    parts = _edge(card, frame)
    parts += stack.pill(
        card, canvas.width // 2, frame.y - stack.pill_height(card) // 2, tone.accent, most=px(700), align="center"
    )
    parts += _foot(card, ground, frame)
    air = px(58 if canvas.is_wide else 72)
    inside = Box(
        frame.x + px(64), frame.y + air, frame.width - 2 * px(64), frame.height - 2 * air - (px(18) if card.logo else 0)
    )
    return Scene(ground, [*parts, *_middle(card, tone, inside)])


def _rays(ground: Image.Image, card: Card) -> None:
    """A sunburst, hardly there."""
    width, height = card.canvas.size
    mask = Image.new("L", (width * 2, height * 2), 0)
    pen = ImageDraw.Draw(mask)
    x, y, reach = width, height * 0.88, width + height
    box = (x - reach, y - reach, x + reach, y + reach)
    for ray in range(RAYS):
        pen.pieslice(box, ray * 360 / RAYS, (ray + 0.5) * 360 / RAYS, fill=round(255 * RAY))
    ground.paste(Image.new("RGB", card.canvas.size, card.tone.ink), (0, 0), mask.reduce(2))


def _frame(card: Card) -> Box:
    canvas, px = card.canvas, card.canvas.px
    side, upper = px(44), px(56)
    if canvas.is_tall:
        upper = canvas.top - px(20)
    return Box(side, upper, canvas.width - 2 * side, canvas.height - 2 * upper)


def _edge(card: Card, frame: Box) -> list[Part]:
    px = card.canvas.px
    colour = mixed(card.tone.far, card.tone.ink, 0.55)
    mask = shapes.rounded((frame.width, frame.height), px(34), outline=card.canvas.scale * 2)
    return [Part(shapes.tile(mask, colour), frame.x, frame.y, 0, Entry.FADE)]


def _foot(card: Card, ground: Image.Image, frame: Box) -> list[Part]:
    """The logo, on the frame's lower edge as the label is on the upper one."""
    px = card.canvas.px
    box = Box((card.canvas.width - px(230)) // 2, frame.bottom - px(24), px(230), px(48))
    return stack.logo_parts(card, ground, box, align="center", turn=6, plates=(card.tone.ground,))


def _middle(card: Card, tone: Tone, room: Box) -> list[Part]:
    canvas, px = card.canvas, card.canvas.px
    side = px(116 if canvas.is_wide else 190) if card.picture else 0
    above = side + px(42) if side else 0
    text_room = room.below(room.y + above)
    text = stack.stacked(
        card,
        text_room,
        Style("display", stack.grown(card, 92 if canvas.is_wide else 108), px(30), 1.08, -0.03, 0.18),
        Style("text", px(31), px(20), 1.34),
        measure=px(760),
    )
    top = room.y + (room.height - above - text.height) // 2
    parts = []
    if card.picture:
        seal = medallion(card.picture, side, tone.ground)
        parts.append(Part(seal, room.x + (room.width - side) // 2, top, 0, Entry.FADE))
    return [
        *parts,
        *text.parts(room.x, top + above, tone.ink, tone.soft, width=room.width, align="center", turn=1),
    ]
