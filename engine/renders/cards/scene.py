"""A card in layers: its ground, drawn once, and the parts on it, each of which may be somewhere on its way."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from PIL import Image

from engine.renders.cards.shapes import thinned


class Entry(Enum):
    """How a part comes when the card is revealed."""

    RISE = "rise"
    FADE = "fade"
    ACROSS = "across"
    UP = "up"
    DOWN = "down"


@dataclass(frozen=True)
class Part:
    """A layer (RGBA) and where its upper left corner lies; parts of a lower `turn` come earlier."""

    layer: Image.Image
    x: int
    y: int
    turn: int = 0
    entry: Entry = Entry.RISE


@dataclass(frozen=True)
class Scene:
    """A card; later parts lie over earlier ones."""

    ground: Image.Image
    parts: Sequence[Part]

    def still(self) -> Image.Image:
        """All of it, as it is in the end."""
        picture = self.ground.copy()
        for part in self.parts:
            lay(picture, part.layer, part.x, part.y)
        return picture


def lay(picture: Image.Image, layer: Image.Image, x: float, y: float, share: float = 1.0) -> None:
    """Lay a layer over the picture, between pixels if need be, covering only this share (0 to 1)."""
    if share <= 0:
        return
    left, top = int(x // 1), int(y // 1)
    if (x, y) != (left, top):
        layer = _shifted(layer, x - left, y - top)
    mask = layer.getchannel("A")
    picture.paste(layer, (left, top), thinned(mask, share) if share < 1 else mask)


def _shifted(layer: Image.Image, right: float, down: float) -> Image.Image:
    """The layer moved by parts of a pixel, with room for what that adds."""
    wider = layer.crop((-1, -1, layer.width + 1, layer.height + 1))
    size = (layer.width + 1, layer.height + 1)
    shift = (1, 0, 1 - right, 0, 1, 1 - down)
    moved = wider.convert("RGBa").transform(size, Image.Transform.AFFINE, shift, Image.Resampling.BILINEAR)
    return moved.convert("RGBA")
