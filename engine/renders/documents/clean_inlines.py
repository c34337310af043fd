"""Words and what is in their line: what may stay of it, and what it becomes."""

import re
from collections.abc import Callable, Iterable
from typing import Any

from engine.renders.documents.languages import TEMPLATES, language
from engine.renders.documents.nodes import Attributes, Node, attributes, node, plain
from engine.renders.documents.pictures import TEXT_WIDTH, Picture, Pictures
from engine.renders.documents.remarks import Remarks
from engine.renders.program import Fault

DEEPEST = 20
LONGEST_LINK = 2_000
_LINK = re.compile(r"(https?://[^\s/]|mailto:[^\s])\S*", re.IGNORECASE)
_LANGUAGE_NAME = re.compile(r"[A-Za-z0-9_+#.-]{1,30}")
_SHARE = re.compile(r"(\d{1,3})(?:\.\d+)?%")
_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)
_TAG = re.compile(r"</?([A-Za-z][A-Za-z0-9]*)[^<]*>|<!--.*-->", re.DOTALL)
_FORMS = ("Emph", "Underline", "Strong", "Strikeout", "Superscript", "Subscript", "SmallCaps")
_KNOWN_TAGS = frozenset((TEMPLATES / "html_tags.txt").read_text(encoding="utf-8").split())


class Inlines:
    """Cleans inline nodes; `blocks` cleans what stands in footnotes."""

    def __init__(self, lang: str, pictures: Pictures, remarks: Remarks) -> None:
        self.blocks: Callable[[list[Node]], list[Node]] = lambda nodes: nodes
        self.width = TEXT_WIDTH  # millimetres that pictures have
        self._quotes = language(lang).quotes
        self._pictures = pictures
        self._remarks = remarks
        self._depth = 0

    def clean(self, nodes: Iterable[Node]) -> list[Node]:
        """What may stay of these nodes, in their order.

        Raises:
            Fault: forms are nested too deeply, or a picture is broken.
        """
        self._depth += 1
        if self._depth > DEEPEST:
            raise Fault(f"Emphasis and links in the text must be nested at most {DEEPEST} deep")
        kept = [clean for each in nodes for clean in self._cleaned(each)]
        self._depth -= 1
        return kept

    def _cleaned(self, inline: Node) -> list[Node]:
        kind: str = inline["t"]
        content: Any = inline.get("c")
        if kind in ("Space", "SoftBreak", "LineBreak", "Str", "Math"):
            return [inline]
        if kind in _FORMS:
            return [node(kind, self.clean(content))]
        match kind:
            case "Code":
                return [node("Code", [attributes(), content[1]])]
            case "Quoted":
                return self._quoted(content[0]["t"], self.clean(content[1]))
            case "Link":
                return self._link(content[2][0], self.clean(content[1]))
            case "Image":
                return self._image(content)
            case "Note":
                return [node("Note", self.blocks(content))]
            case "Span" | "Cite":
                return self.clean(content[1])
            case "RawInline":
                return self._raw(content[1])
        return []

    def _quoted(self, kind: str, inlines: list[Node]) -> list[Node]:
        first = 0 if kind == "DoubleQuote" else 2
        return [node("Str", self._quotes[first]), *inlines, node("Str", self._quotes[first + 1])]

    def _link(self, target: str, inlines: list[Node]) -> list[Node]:
        is_within = target.startswith("#")  # whether there is such a place is seen when all is cleaned
        if is_within or (_LINK.fullmatch(target) and len(target) <= LONGEST_LINK):
            return [node("Link", [attributes(), inlines, [target, ""]])]
        self._remarks.add("Links that lead neither to the web nor to a mailbox are left as text", target)
        return inlines

    def _image(self, content: list[Any]) -> list[Node]:
        told, alt, (source, title) = content
        picture = self._pictures.find(source)
        if picture is None:
            self._remarks.add("Pictures that are not attached are left out, their descriptions stand instead", source)
            return self.clean(alt)
        sized = picture.within(self._width_told(told))
        pair = {"width": f"{sized.width:.2f}mm", "height": f"{sized.height:.2f}mm"}
        return [node("Image", [attributes(**pair), self._alt(alt), [sized.file, title]])]

    def _alt(self, alt: list[Node]) -> list[Node]:
        return [node("Str", text)] if (text := plain(alt)) else []

    def _width_told(self, told: Attributes) -> float:
        pairs = dict(told[2])
        share = _SHARE.fullmatch(pairs.get("width", ""))
        return self.width * min(100, max(5, int(share[1]))) / 100 if share else self.width

    def _raw(self, text: str) -> list[Node]:
        if _BREAK.fullmatch(text):
            return [node("LineBreak")]
        tag = _TAG.fullmatch(text)
        if tag and (tag[1] is None or tag[1].lower() in _KNOWN_TAGS):
            self._remarks.add("HTML in the Markdown is left out", text)
            return []
        return [node("Str", text)]  # as in Vec<T>, which only looks like HTML


def is_language(name: str) -> bool:
    """Whether this may name the language of a block of code."""
    return bool(_LANGUAGE_NAME.fullmatch(name))


def picture_node(picture: Picture, alt: str) -> Node:
    """A picture as wide as it is."""
    pair = {"width": f"{picture.width:.2f}mm", "height": f"{picture.height:.2f}mm"}
    return node("Image", [attributes(**pair), [node("Str", alt)] if alt else [], [picture.file, ""]])
