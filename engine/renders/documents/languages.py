"""The few words that a document has of itself, in the language of its text."""

import re
import tomllib
import unicodedata
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TEMPLATES = Path(__file__).parent / "templates"
MOST_READ = 20_000  # characters, enough to tell one script from another
_DAY = re.compile(r"(\d{4})-(\d{2})-(\d{2})")
_SCRIPTS = {"HEBREW": "he", "ARABIC": "ar"}
RIGHT_TO_LEFT = frozenset({"ar", "arc", "ckb", "dv", "fa", "he", "ps", "sd", "ug", "ur", "yi"})
CALLOUTS = ("note", "tip", "important", "warning", "caution")


@dataclass(frozen=True)
class Language:
    """Words and signs; `page` and `day` have places for what differs. `quotes` are a double and a single pair."""

    contents: str
    page: str
    figure: str
    day: str
    months: list[str]
    quotes: list[str]
    callouts: list[str]


def _languages() -> dict[str, Language]:
    told: dict[str, dict[str, Any]] = tomllib.loads((TEMPLATES / "languages.toml").read_text(encoding="utf-8"))
    return {code: Language(**words) for code, words in told.items()}


_LANGUAGES = _languages()


def language(code: str) -> Language:
    """The words of a language, by its code (BCP 47); those that we do not know get English ones."""
    return _LANGUAGES.get(primary(code), _LANGUAGES["en"])


def primary(code: str) -> str:
    """The language of a code such as de-AT, without the region."""
    return code.partition("-")[0].lower()


def is_right_to_left(code: str) -> bool:
    """Whether it is written from right to left."""
    return primary(code) in RIGHT_TO_LEFT


def guessed(text: str) -> str:
    """The language that a text seems to be in, told by its letters; English unless they are Hebrew or Arabic."""
    scripts = Counter(unicodedata.name(sign, "").partition(" ")[0] for sign in text[:MOST_READ] if sign.isalpha())
    most = max(scripts, key=lambda script: scripts[script], default="")
    return _SCRIPTS.get(most, "en")


def written_date(text: str, code: str) -> str:
    """A day such as 2026-03-01 as the language writes it; anything else, and other languages' days, as they are."""
    found = _DAY.fullmatch(text)
    if not found or primary(code) not in _LANGUAGES:
        return text
    words = language(code)
    year, month, day = (int(part) for part in found.groups())
    return words.day.format(day=day, month=words.months[month - 1], year=year)
