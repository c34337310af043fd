"""Budgets in words that people read and write."""

import re

from engine.budgets.book import BudgetView
from engine.budgets.measures import Measure
from engine.errors import FieldError, InvalidInput
from engine.faults import shown
from models.usage import Sum
from ui.present import Badge

MEASURES: dict[Measure, str] = {
    Measure.TOKENS: "Tokens",
    Measure.MONEY: "Money",
    Measure.SECONDS: "Run time",
    Measure.BYTES: "Size of files",
    Measure.ATTEMPTS: "Jobs",
}
HELP = "As 100,000 tokens, 4.20 of money, 1 h 20 min of run time, 3.4 MB of files, or 50 jobs"
SPENT = Badge("failed", "block", "Spent")
LOW = Badge("paused", "warning", "Nearly used up")
_TIMES: dict[str, float] = {
    "h": 3600,
    "hours": 3600,
    "hour": 3600,
    "min": 60,
    "minutes": 60,
    "minute": 60,
    "s": 1,
    "seconds": 1,
}
_SIZES: dict[str, float] = {"": 1, "bytes": 1, "byte": 1, "kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12}
_COUNTED: dict[str, float] = {"": 1, "tokens": 1, "token": 1, "jobs": 1, "job": 1}
_PART = re.compile(r"\s*([\d.,]+)\s*([A-Za-z]*)\s*")


def state_badge(view: BudgetView) -> Badge | None:
    """How a budget stands, if that is worth a word."""
    if view.is_spent:
        return SPENT
    return LOW if view.is_low else None


def use_words(view: BudgetView) -> str:
    """As "104,210 of 100,000 tokens today"."""
    used, most = view.measure.shown(view.used), view.measure.shown(view.most)
    if view.measure in (Measure.TOKENS, Measure.ATTEMPTS):
        used = used.partition(" ")[0]
    return f"{used} of {most} today"


def whom_words(view: BudgetView) -> str:
    """Whom a budget is for, at the beginning of a row."""
    return view.whom[:1].upper() + view.whom[1:]


def used_words(used: Sum | None) -> str:
    """What an agent used today, as "Today: 12 jobs · 1 h 2 min · 104,210 tokens"; empty if that is nothing."""
    if used is None or not any(measure.of(used) for measure in Measure):
        return ""
    order = (Measure.ATTEMPTS, Measure.SECONDS, Measure.TOKENS, Measure.MONEY, Measure.BYTES)
    told = [measure.shown(measure.of(used)) for measure in order if measure.of(used)]
    return f"Today: {' · '.join(told)}"


def read_limit(measure: Measure, text: str) -> float:
    """What somebody wrote, in the measure's own unit.

    Raises:
        InvalidInput: it makes no sense.
    """
    units: dict[str, float] = {Measure.SECONDS: _TIMES, Measure.BYTES: _SIZES}.get(measure, _COUNTED)
    parts = [match.groups() for match in _PART.finditer(text)]
    whole = "".join(match.group() for match in _PART.finditer(text)) == text
    try:
        if not whole or not parts:
            raise ValueError
        return float(sum(float(number.replace(",", "")) * units[unit.lower()] for number, unit in parts))
    except (ValueError, KeyError):
        rule = f"limit must be like {_LIKE[measure]}, not {shown(text)}"
        raise InvalidInput([FieldError("limit", rule)]) from None


_LIKE = {
    Measure.TOKENS: "100,000",
    Measure.MONEY: "4.20",
    Measure.SECONDS: "1 h 20 min",
    Measure.BYTES: "3.4 MB",
    Measure.ATTEMPTS: "50",
}
