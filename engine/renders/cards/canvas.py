"""Where things may stand: a card's size, its margins, and boxes within."""

from dataclasses import dataclass, replace

SIZES = {"landscape": (1200, 630), "square": (1080, 1080), "story": (1080, 1920)}


@dataclass(frozen=True)
class Box:
    """A rectangle, in pixels from the upper left corner."""

    x: int
    y: int
    width: int
    height: int

    @property
    def right(self) -> int:
        """The first column that is outside."""
        return self.x + self.width

    @property
    def bottom(self) -> int:
        """The first row that is outside."""
        return self.y + self.height

    def below(self, y: int) -> "Box":
        """What of it lies below this row."""
        return replace(self, y=y, height=max(1, self.bottom - y))

    def above(self, y: int) -> "Box":
        """What of it lies above this row."""
        return replace(self, height=max(1, y - self.y))

    def narrowed(self, width: int) -> "Box":
        """The same from the left, at most so wide."""
        return replace(self, width=min(self.width, width))


@dataclass(frozen=True)
class Canvas:
    """A card's measures; `scale` is for type and ornaments, which are designed for the landscape card."""

    width: int
    height: int
    margin: int
    top: int
    bottom: int
    scale: float

    def px(self, size: float) -> int:
        """A length of the landscape card, on this one."""
        return round(size * self.scale)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.width, self.height

    @property
    def whole(self) -> Box:
        """All of it."""
        return Box(0, 0, self.width, self.height)

    @property
    def inner(self) -> Box:
        """What lies within the margins; a story's are larger, for the buttons that apps lay over it."""
        return Box(self.margin, self.top, self.width - 2 * self.margin, self.height - self.top - self.bottom)

    @property
    def is_tall(self) -> bool:
        """Whether it is a story."""
        return self.height > self.width * 1.2

    @property
    def is_wide(self) -> bool:
        """Whether it is a landscape."""
        return self.width > self.height * 1.2


CANVASES = {
    "landscape": Canvas(*SIZES["landscape"], margin=72, top=64, bottom=64, scale=1.0),
    "square": Canvas(*SIZES["square"], margin=88, top=84, bottom=88, scale=1.18),
    "story": Canvas(*SIZES["story"], margin=92, top=230, bottom=300, scale=1.36),
}
