"""What an attempt did to the world is told in words: to whom, and under which identity."""

from typing import Any

import pytest

from engine import clock
from engine.views import EffectView
from ui.components.effects import effect_words

ID = "<1@example.org>"
PEOPLE = [f"p{number}@example.org" for number in range(5)]


def effect(target: str, phase: str, identity: dict[str, Any], result: Any = None, error: str = "") -> EffectView:
    return EffectView(target, 1, phase, identity, result, error or None, clock.now(), None)


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (
            effect("mail", "done", {"message_id": ID}, {"accepted": ["ada@example.org"]}),
            f"Sent to ada@example.org as {ID}",
        ),
        (
            effect("mail", "done", {"message_id": ID}, {"accepted": PEOPLE}),
            f"Sent to p0@example.org, p1@example.org, p2@example.org and 2 more as {ID}",
        ),
        (effect("mail", "done", {"message_id": ID}, {"file": "1.eml"}), f"Put into the outbox as {ID}"),
        (effect("news", "done", {"entry": "e1"}, {"url": "/feed/e1"}), "Published on news as e1"),
        (effect("mail", "failed", {"message_id": ID}, error="No"), "Nothing went out to the mail server: No"),
        (
            effect("mail", "sending", {"message_id": ID}),
            f"Began to go out to the mail server as {ID}; nobody knows whether it arrived",
        ),
    ],
)
def test_an_effect_in_words(made: EffectView, words: str) -> None:
    assert effect_words(made, is_over=True) == words


def test_while_the_attempt_is_under_way_nothing_is_in_doubt() -> None:
    made = effect("mail", "sending", {"message_id": ID})
    assert effect_words(made, is_over=False) == f"Going out to the mail server as {ID}"
