"""What a Markdown text says of itself before it begins: YAML between two lines of dashes."""

import re
import unicodedata
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import yaml

MAX_CHARACTERS = 10_000
DEEPEST = 3
_BLOCK = re.compile(r"\A---[ \t]*\n(?![ \t]*\n)(.*?\n)?(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_OPENS = (
    yaml.FlowSequenceStartToken,
    yaml.FlowMappingStartToken,
    yaml.BlockSequenceStartToken,
    yaml.BlockMappingStartToken,
)
_CLOSES = (yaml.FlowSequenceEndToken, yaml.FlowMappingEndToken, yaml.BlockEndToken)


class FrontMatterFault(ValueError):
    """It cannot be used; the message is the rest of a sentence about the text."""


@dataclass(frozen=True)
class FrontMatter:
    """What is known of a document besides its text; `date` is as in 2026-03-01 or in words, `lang` as in de-AT."""

    title: str = ""
    subtitle: str = ""
    authors: tuple[str, ...] = ()
    date: str = ""
    lang: str = ""
    tags: tuple[str, ...] = ()
    summary: str = ""

    def as_json(self) -> dict[str, Any]:
        """The same, for a program's work."""
        return asdict(self)


def split(markdown: str) -> tuple[FrontMatter, str]:
    """What the text says of itself, and the text without it.

    Raises:
        FrontMatterFault: it is no YAML, or a field cannot be used.
    """
    text = markdown.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    found = _BLOCK.match(text)
    if found is None:
        return FrontMatter(), text
    return _read(_fields(found[1] or "")), text[found.end() :]


def _fields(text: str) -> dict[str, Any]:
    if len(text) > MAX_CHARACTERS:
        raise FrontMatterFault(f"must have front matter of at most {MAX_CHARACTERS:,} characters, not {len(text):,}")
    try:
        _refuse_depth(text)
        fields = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 (this loader makes text and nothing else)
    except yaml.YAMLError as error:
        raise FrontMatterFault(f"has front matter that is no YAML: {_told(error)}") from None
    if fields is None:
        return {}
    if not isinstance(fields, dict):
        raise FrontMatterFault("must have front matter that names fields, such as “title: Our year”")
    return fields


def _refuse_depth(text: str) -> None:
    depth = 0
    for token in yaml.scan(text, Loader=yaml.BaseLoader):
        depth += isinstance(token, _OPENS) - isinstance(token, _CLOSES)
        if depth > DEEPEST or isinstance(token, yaml.AliasToken):
            raise FrontMatterFault("must have front matter of plain fields and lists, without nesting or aliases")


def _told(error: Any) -> str:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    problem = getattr(error, "problem", None) or "it cannot be read"
    place = f"line {mark.line + 2}: " if mark else ""  # counted from the dashes on
    hint = "; a text with a colon in it needs quotes" if "mapping values" in problem else ""
    return f"{place}{problem}{hint}"


def _read(fields: dict[str, Any]) -> FrontMatter:
    return FrontMatter(
        title=_line(fields, "title", 200),
        subtitle=_line(fields, "subtitle", 300),
        authors=_list(fields, "author", most=20, longest=100, separator=None),
        date=_date(_line(fields, "date", 40)),
        lang=_lang(_line(fields, "lang", 35)),
        tags=_list(fields, "tags", most=30, longest=60, separator=","),
        summary=_line(fields, "summary", 1000),
    )


def _line(fields: dict[str, Any], name: str, longest: int) -> str:
    return _text(fields.get(name, ""), name, longest)


def _text(value: Any, name: str, longest: int) -> str:
    if not isinstance(value, str):
        raise FrontMatterFault(f"must have text as {name} in its front matter, not a {_kind(value)}")
    text = " ".join(value.split())
    if bad := next((sign for sign in text if unicodedata.category(sign) in ("Cc", "Cs")), None):
        raise FrontMatterFault(f"must not have control characters as {name} in its front matter (U+{ord(bad):04X})")
    if len(text) > longest:
        rule = f"must have a {name} of at most {longest:,} characters in its front matter"
        raise FrontMatterFault(f"{rule}, not {len(text):,}")
    return text


def _kind(value: Any) -> str:
    return "list" if isinstance(value, list) else "group of fields"


def _list(fields: dict[str, Any], name: str, *, most: int, longest: int, separator: str | None) -> tuple[str, ...]:
    value = fields.get(name, "")
    if isinstance(value, str):
        value = value.split(separator) if separator else [value]
    if not isinstance(value, list):
        raise FrontMatterFault(f"must have a text or a list of texts as {name} in its front matter")
    texts = dict.fromkeys(text for each in value if (text := _text(each, name, longest)))
    if len(texts) > most:
        raise FrontMatterFault(f"must have at most {most} entries as {name} in its front matter, not {len(texts)}")
    return tuple(texts)


def _date(text: str) -> str:
    if not (found := _DAY.match(text)):
        return text
    try:
        return date.fromisoformat(found[0]).isoformat()
    except ValueError:
        rule = f"must have a day that exists as date in its front matter, not {found[0]}"
        raise FrontMatterFault(rule) from None


def _lang(text: str) -> str:
    if text and not _LANGUAGE.fullmatch(text):
        raise FrontMatterFault(f"must have a language such as en or de-AT as lang in its front matter, not {text!r}")
    return text
