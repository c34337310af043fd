"""Draws a social card and its thumbnail."""

from typing import Any

from PIL import Image

from engine.renders.cards.card import card_of
from engine.renders.cards.templates import TEMPLATES
from engine.renders.program import Work

THUMBNAIL = 480  # pixels wide
QUALITY = 92


def run(work: Work) -> dict[str, Any]:
    """Draw the card into `card.png` or `card.webp`, and `thumbnail.webp`.

    Raises:
        Fault: a picture cannot be read, or nothing is left to be written.
    """
    card = card_of(work)
    work.progress(10)
    picture = TEMPLATES[work.asked["template"]](card).still()
    work.progress(70)
    name = f"card.{work.asked['output']}"
    picture.save(work.made / name, quality=QUALITY)
    thumbnail(picture).save(work.made / "thumbnail.webp", quality=QUALITY)
    work.progress(100)
    return {
        "message": f"A {picture.width} × {picture.height} card",
        "files": [name],
        "preview": name,
        "thumbnail": "thumbnail.webp",
        "alt": alternative(card.headline, card.subline),
    }


def thumbnail(picture: Image.Image) -> Image.Image:
    """The picture, small."""
    size = (THUMBNAIL, round(picture.height * THUMBNAIL / picture.width))
    return picture.resize(size, Image.Resampling.LANCZOS)


def alternative(headline: str, subline: str) -> str:
    """What the card says, for whoever does not see it."""
    texts = (" ".join(text.split()) for text in (headline, subline))
    return " – ".join(text for text in texts if text)
