"""What an attempt did to the world, in words: to whom, under which identity, and how far it came."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from engine.views import EffectView
from models.states import Phase
from ui.components.node import Node
from ui.present import web_link

FEW = 3  # addresses that are told by name
_IDENTITIES = ("message_id", "uri", "id", "entry", "rkey", "idempotency_key")  # the most telling first
_TARGETS = {"mail": "the mail server", "call": "the address"}
_ICONS = {Phase.DONE: "done_all", Phase.SENDING: "outbound", Phase.FAILED: "block"}


def show_effects(effects: Sequence[EffectView], *, error: str | None, is_over: bool) -> None:
    """Draw a line for each; `is_over` is whether the attempt has ended, and `error` what is told of it already."""
    if not effects:
        return
    with Node("ul", "", "effects", aria_label="Effects"):
        for effect in effects:
            with Node("li", "", f"effect {effect.phase}", data_icon=_ICONS[Phase(effect.phase)]):
                is_told = bool(error and effect.error and effect.error in error)
                shown = replace(effect, error=None) if is_told else effect
                Node("span", effect_words(shown, is_over=is_over), dir="auto")
                if link := web_link(_text(effect.result, "url")):
                    Node("a", "Open it", "", href=link, target="_blank", rel="noopener")


def effect_words(effect: EffectView, *, is_over: bool) -> str:
    """As "Sent to ada@example.org as <1@example.org>"."""
    known_as = _identity(effect)
    match effect.phase:
        case Phase.DONE:
            return f"{_done(effect)}{f' as {known_as}' if known_as else ''}"
        case Phase.FAILED:
            return f"Nothing went out to {_target(effect)}" + (f": {effect.error}" if effect.error else "")
        case _:
            named = f" as {known_as}" if known_as else ""
            doubt = "; nobody knows whether it arrived" if is_over else ""
            return f"{'Began to go out' if is_over else 'Going out'} to {_target(effect)}{named}{doubt}"


def _done(effect: EffectView) -> str:
    result, mail = effect.result or {}, "message_id" in effect.identity
    if mail and isinstance(accepted := result.get("accepted"), list) and accepted:
        more = f" and {len(accepted) - FEW} more" if len(accepted) > FEW else ""
        return f"Sent to {', '.join(map(str, accepted[:FEW]))}{more}"
    if mail and "file" in result:
        return "Put into the outbox"
    if "url" in result:
        return f"Published on {effect.target}"
    return _text(result, "message") or f"Reached {_target(effect)}"


def _identity(effect: EffectView) -> str:
    known = {**effect.identity, **{name: value for name, value in (effect.result or {}).items() if name == "uri"}}
    return next((str(known[name]) for name in _IDENTITIES if known.get(name)), "")


def _target(effect: EffectView) -> str:
    return _TARGETS.get(effect.target, effect.target)


def _text(values: dict[str, Any] | None, name: str) -> str:
    value = (values or {}).get(name)
    return value if isinstance(value, str) else ""
