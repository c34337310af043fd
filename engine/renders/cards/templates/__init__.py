"""The templates: each makes a scene of a card."""

from collections.abc import Callable, Mapping

from engine.renders.cards.card import Card
from engine.renders.cards.scene import Scene
from engine.renders.cards.templates.badge import scene as badge
from engine.renders.cards.templates.editorial import scene as editorial
from engine.renders.cards.templates.numbers import scene as numbers
from engine.renders.cards.templates.quote import scene as quote
from engine.renders.cards.templates.split import scene as split
from engine.renders.cards.templates.spotlight import scene as spotlight

TEMPLATES: Mapping[str, Callable[[Card], Scene]] = {
    "spotlight": spotlight,
    "editorial": editorial,
    "split": split,
    "badge": badge,
    "quote": quote,
    "numbers": numbers,
}
