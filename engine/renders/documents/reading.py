"""From a Markdown text to what every format is made of: one clean tree, and pictures in a folder."""

import re
from dataclasses import dataclass
from pathlib import Path

from engine.renders.documents import pandoc
from engine.renders.documents.clean_blocks import Blocks
from engine.renders.documents.clean_inlines import Inlines
from engine.renders.documents.headings import Heading, headings_of, settled, without_title
from engine.renders.documents.languages import language
from engine.renders.documents.nodes import Node, node, plain, replaced, texts_of
from engine.renders.documents.pictures import Picture, Pictures
from engine.renders.documents.remarks import Remarks
from engine.renders.documents.request import Request
from engine.renders.program import Fault

_WORD = re.compile(
    r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W_\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af][\w’'-]*(?:[.,]\d+)*"
)
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ufdd0-\ufdef\ufffe\uffff]")


@dataclass(frozen=True)
class Content:
    """A document's blocks, what divides them, and the charts in the folder with its pictures."""

    blocks: list[Node]
    headings: list[Heading]
    charts: list[Picture]
    folder: Path
    word_count: int


def read(request: Request, folder: Path, remarks: Remarks) -> Content:
    """The content of a document, with nothing in it that a format would execute or fetch.

    Raises:
        Fault: a part of the text cannot be set; says which and why.
    """
    pictures = Pictures(request.pictures, folder)
    blocks = without_title(pandoc.read(_printable(request.body)), request.title)
    inlines = Inlines(request.lang, pictures, remarks)
    try:
        clean = settled(Blocks(request.lang, inlines, pictures, remarks).clean(blocks), remarks)
    except RecursionError:
        raise Fault("Lists, quotes and emphasis in the text are nested too deeply") from None
    for name in pictures.unused():
        remarks.add("Attached pictures that the text does not show", name)
    if request.is_report:
        clean = _numbered_figures(clean, language(request.lang).figure)
    count = sum(len(_WORD.findall(text)) for text in "".join(texts_of(clean)).splitlines())
    return Content(clean, headings_of(clean), pictures.charts, folder, count)


def _printable(text: str) -> str:
    return _UNPRINTABLE.sub("", text)


def _numbered_figures(blocks: list[Node], word: str) -> list[Node]:
    number = 0

    def changed(each: Node) -> list[Node] | None:
        nonlocal number
        if each["t"] != "Figure":
            return None
        number += 1
        told, (short, caption), inner = each["c"]
        said = caption[0]["c"] if caption else []
        colon = ":" if plain(said) else ""
        begin = node("Strong", [node("Str", word), node("Str", "\u00a0"), node("Str", f"{number}{colon}")])
        inlines = [begin, node("Space"), *said] if said else [begin]
        return [node("Figure", [told, [short, [node("Plain", inlines)]], inner])]

    numbered: list[Node] = replaced(blocks, changed)
    return numbered
