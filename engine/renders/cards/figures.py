"""Numbers that change while they are looked at: every digit is as wide as the others, so that nothing jitters."""

from functools import cached_property

from PIL import ImageDraw, features

from engine.renders import lettering
from engine.renders.colours import Colour

_DIGITS = "0123456789"
_TABULAR = ["tnum"]  # the fonts' own digits of one width (OpenType)
_CLOSER = 0.015  # of the size: digits of one width stand rather far apart


class Figures:
    """Draws numbers in a face and size."""

    def __init__(self, face: str, size: int) -> None:
        self.font = lettering.font(face, size)
        self._features = _TABULAR if features.check("raqm") and features.check("fribidi") else None
        self._widths: dict[str, float] = {}

    @cached_property
    def capital(self) -> int:
        """The height of a digit, in pixels."""
        return -round(self.font.getbbox("0", anchor="ls")[1])

    def width(self, text: str) -> float:
        """How wide the text is, in pixels."""
        return sum(self._advance(sign) for sign in text)

    def draw(self, pen: ImageDraw.ImageDraw, right: float, baseline: float, text: str, colour: Colour) -> None:
        """Draw the text so that it ends at `right`."""
        x = right - self.width(text)
        for sign in text:
            spare = (self._advance(sign) - self._own(sign)) / 2
            if not sign.isspace():
                place = (x + spare, baseline)
                pen.text(place, sign, font=self.font, fill=colour, anchor="ls", features=self._features)
            x += self._advance(sign)

    @cached_property
    def _cell(self) -> float:
        return max(self._own(digit) for digit in _DIGITS) - self.font.size * _CLOSER

    def _advance(self, sign: str) -> float:
        return self._cell if sign in _DIGITS else self._own(sign)

    def _own(self, sign: str) -> float:
        if sign not in self._widths:
            self._widths[sign] = self.font.getlength(sign, features=self._features)
        return self._widths[sign]
