"""The document's tree as Typst: places that it can name, pictures that it can find, signs that it can draw."""

import re
from typing import Any

from engine.renders.documents import pandoc
from engine.renders.documents.languages import CALLOUTS, language
from engine.renders.documents.letters import without
from engine.renders.documents.nodes import Node, attributes, node, plain, raw_block, raw_inline, replaced, texts_of
from engine.renders.documents.typst_tables import typst_table

FIRST_CHARACTERS = 6_000  # more than a page has
LONGEST_WORD = 40
_SPLIT = "// here the first pages end"
_BREAKABLE = re.compile(r"([/?&=._\-]+|.{20})(?=.)", re.DOTALL)
_IMPORT = '#import "common.typ": *\n'


class Body:
    """Sets blocks as Typst; `missing` are signs that no font has, `broken` are formulas to be left as written."""

    def __init__(self, lang: str, missing: frozenset[str], broken: frozenset[str]) -> None:
        self._labels = dict(zip(CALLOUTS, language(lang).callouts, strict=True))
        self._missing = missing
        self._broken = broken
        self._places: dict[str, str] = {}

    def written(self, blocks: list[Node]) -> tuple[str, str]:
        """What surely fills the first page, and the rest."""
        self._places = {block["c"][1][0]: f"h{number}" for number, block in enumerate(blocks) if block["t"] == "Header"}
        count = _first(blocks)
        parts = [*blocks[:count], raw_block("typst", _SPLIT), *blocks[count:]]
        text = pandoc.write(replaced(parts, self._changed), "typst-smart", "--syntax-highlighting=idiomatic").decode()
        first, _, rest = text.partition(_SPLIT)
        return _IMPORT + first, _IMPORT + rest

    def line(self, text: str) -> str:
        """A text as it can be drawn, with places where a very long word may end a line."""
        text = without(text, self._missing)
        return re.sub(rf"\S{{{LONGEST_WORD},}}", lambda word: _BREAKABLE.sub("\\1\u200b", word[0]), text)

    def _changed(self, each: Node) -> list[Node] | None:
        content: Any = each.get("c")
        match each["t"]:
            case "Str":
                return [node("Str", self.line(content))]
            case "Code" | "CodeBlock":
                return [node(each["t"], [content[0], self.line(content[1])])]
            case "Math" if content[1] in self._broken:
                return [node("Code", [attributes(), self.line(content[1])])]
            case "Header":
                level, (name, _, _), inlines = content
                return [node("Header", [level, attributes(self._places.get(name, "")), inlines])]
            case "Link":
                return [self._link(content)]
            case "Image":
                return [raw_inline("typst", _picture(content))]
            case "Figure":
                return _figure(content)
            case "Table":
                return typst_table(content)
            case "BulletList" if is_tasks(content):
                items = [[_with_drawn_box(item[0]), *item[1:]] for item in content]
                return [raw_block("typst", "#tasks["), node("BulletList", items), raw_block("typst", "]")]
            case "Div":
                return self._callout(content)
        return None

    def _link(self, content: list[Any]) -> Node:
        told, inlines, (target, title) = content
        if target.startswith("#"):
            target = f"#{self._places.get(target[1:], '')}"
        return node("Link", [told, inlines, [target, title]])

    def _callout(self, content: list[Any]) -> list[Node]:
        (_, (kind, *_), _), blocks = content
        begin = raw_block("typst", f"#callout({quoted(kind)}, {quoted(self._labels[kind])})[")
        return [begin, *blocks, raw_block("typst", "]")]


def quoted(text: str) -> str:
    """The text as a string in Typst."""
    escaped = "".join(f"\\u{{{ord(sign):x}}}" if sign in '\\"' or ord(sign) < 32 else sign for sign in text)
    return f'"{escaped}"'


def _first(blocks: list[Node]) -> int:
    length = 0
    for count, block in enumerate(blocks):
        if length > FIRST_CHARACTERS:
            return count
        length += sum(map(len, texts_of(block)))
    return len(blocks)


def _picture(content: list[Any]) -> str:
    told, alt, (file, _) = content
    pairs = dict(told[2])
    return f"#picture({quoted(file)}, {pairs['width']}, {pairs['height']}, {quoted(plain(alt))})"


def _figure(content: list[Any]) -> list[Node]:
    _, (_, caption), blocks = content
    if not caption:
        return [raw_block("typst", "#drawing["), *blocks, raw_block("typst", "]")]
    return [
        raw_block("typst", "#drawing(caption: ["),
        *caption,
        raw_block("typst", "])["),
        *blocks,
        raw_block("typst", "]"),
    ]


def is_tasks(items: list[list[Node]]) -> bool:
    """Whether a list is one of tasks, each with its box."""
    return all(item and item[0]["t"] in ("Plain", "Para") and _box(item[0]) for item in items)


def _box(block: Node) -> str:
    first = block["c"][0] if block["c"] else {}
    sign = first.get("c", "") if first.get("t") == "Str" else ""
    return sign if sign in ("☐", "☒") else ""


def _with_drawn_box(block: Node) -> Node:
    is_done = "true" if _box(block) == "☒" else "false"
    return node(block["t"], [raw_inline("typst", f"#task-box({is_done})"), *block["c"][1:]])
