"""What the program is asked to make."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.renders.documents.languages import guessed, is_right_to_left


@dataclass(frozen=True)
class Request:
    """A document; `pictures` are files by the names that its text has for them, as image:1 or 12/card.png."""

    is_report: bool
    title: str
    subtitle: str
    authors: tuple[str, ...]
    date: str
    lang: str
    tags: tuple[str, ...]
    summary: str
    body: str
    formats: tuple[str, ...]
    pictures: dict[str, Path]
    has_contents: bool
    is_numbered: bool

    @property
    def is_right_to_left(self) -> bool:
        """Whether its language is written from right to left."""
        return is_right_to_left(self.lang)

    @property
    def author(self) -> str:
        """Everybody who wrote it, in a line."""
        return ", ".join(self.authors)


def request_of(asked: dict[str, Any]) -> Request:
    """What a job asks for; the language is told by the text if nothing names it."""
    kind = asked["kind"]
    return Request(
        is_report=kind == "report",
        title=asked["title"],
        subtitle=asked.get("subtitle", ""),
        authors=tuple(asked.get("authors", ())),
        date=asked.get("date", ""),
        lang=asked.get("lang") or guessed(f"{asked['title']} {asked['body']}"),
        tags=tuple(asked.get("tags", ())),
        summary=asked.get("summary", ""),
        body=asked["body"],
        formats=tuple(asked["formats"]),
        pictures={name: Path(file) for name, file in asked.get("pictures", {}).items()},
        has_contents=kind == "report" and bool(asked.get("contents", True)),
        is_numbered=kind == "report" and bool(asked.get("numbered", True)),
    )
