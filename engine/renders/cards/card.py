"""What a card is made of: texts that can be drawn, colours, measures and opened pictures."""

import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from engine.renders import lettering
from engine.renders.cards.canvas import CANVASES, Canvas
from engine.renders.cards.palettes import LIGHT_TEMPLATES, PALETTES, Tone, own
from engine.renders.colours import Colour
from engine.renders.program import Fault, Work

_APOSTROPHE = re.compile(r"(?<=[^\W\d_])'(?=[^\W\d_])")
_INVISIBLE = ("Cf", "Cc")


@dataclass(frozen=True)
class Card:
    """Everything that a template needs to know."""

    headline: str
    subline: str
    label: str
    tone: Tone
    canvas: Canvas
    picture: Image.Image | None = None
    logo: Image.Image | None = None

    @property
    def letters(self) -> tuple[Colour, Colour]:
        """Colours for what is less than a headline, and for what is more, where a picture may fill the card."""
        return (self.tone.ink, self.tone.ink) if self.picture else (self.tone.soft, self.tone.signal)


def card_of(work: Work) -> Card:
    """The card that is asked for; tells what cannot be drawn.

    Raises:
        Fault: a picture cannot be read, or nothing is left of the headline.
    """
    asked = work.asked
    headline = clean(asked["headline"], "Headline", work)
    if not headline:
        raise Fault("Headline has no letters that can be drawn; the fonts have Latin, Greek and Cyrillic ones")
    palette = own(asked["colours"]) if asked.get("colours") else PALETTES[asked["palette"]]
    return Card(
        headline,
        clean(asked.get("subline", ""), "Subline", work, "text"),
        clean(asked.get("label", ""), "Label", work, "display", "text"),
        palette.light if asked.get("template") in LIGHT_TEMPLATES else palette.deep,
        CANVASES[asked["format"]],
        _picture(asked.get("picture")),
        _picture(asked.get("logo")),
    )


def clean(text: str, name: str, work: Work, *faces: str) -> str:
    """The text without what is invisible or what a face lacks; the log tells what was left out of `name`."""
    kept = "".join(sign for sign in text if sign == "\n" or unicodedata.category(sign) not in _INVISIBLE)
    for face in faces or ("display",):
        kept, lacking = lettering.drawable(kept, face)
        if lacking:
            work.log(f"{name}: left out what the font does not have: {' '.join(lacking)}")
    lines = (" ".join(line.split()) for line in _APOSTROPHE.sub("’", kept).splitlines())
    return "\n".join(line for line in lines if line)


def _picture(file: str | None) -> Image.Image | None:
    return lettering.opened(Path(file)) if file else None
