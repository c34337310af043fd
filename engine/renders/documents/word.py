"""The document for Word: headings, tables and lists that can be worked on, charts as pictures."""

from typing import Any

from engine.renders.documents import pandoc
from engine.renders.documents.languages import CALLOUTS, is_right_to_left, language, written_date
from engine.renders.documents.nodes import Node, attributes, node, raw_block, replaced, words
from engine.renders.documents.paper import as_pixels
from engine.renders.documents.pictures import data_uri
from engine.renders.documents.reading import Content
from engine.renders.documents.request import Request
from engine.renders.documents.word_reference import reference

_PAGE_BREAK = '<w:p><w:r><w:br w:type="page"/></w:r></w:p>'


def word_file(request: Request, content: Content) -> bytes:
    """The whole file.

    Raises:
        Fault: pandoc cannot write it.
    """
    (content.folder / "reference.docx").write_bytes(reference(request))
    has_contents = request.has_contents and bool(content.headings)
    blocks = _for_word(content, request.lang)
    if request.is_report:
        blocks = [raw_block("openxml", _PAGE_BREAK), *blocks]
    options = [f"--reference-doc={content.folder / 'reference.docx'}"]
    options += ["--toc", "--toc-depth=3"] if has_contents else []
    options += ["--number-sections"] if request.is_numbered else []
    return pandoc.write(blocks, "docx", *options, "-o", "-", meta=_meta(request))


def _for_word(content: Content, lang: str) -> list[Node]:
    pixels = as_pixels(content.charts, content.folder)
    labels = dict(zip(CALLOUTS, language(lang).callouts, strict=True))

    def changed(each: Node) -> list[Node] | None:
        match each["t"]:
            case "Image":
                told, alt, (file, title) = each["c"]
                return [node("Image", [told, alt, [data_uri(content.folder / pixels.get(file, file)), title]])]
            case "Div":
                (_, (kind, *_), _), blocks = each["c"]
                label = node("Para", [node("Strong", [node("Str", labels[kind])])])
                return [node("Div", [attributes("", [], **{"custom-style": "Callout"}), [label, *blocks]])]
        return None

    made: list[Node] = replaced(content.blocks, changed)
    return made


def _meta(request: Request) -> dict[str, Any]:
    """What stands on the first page, and what Word calls the properties of a file."""
    lines = {
        "title": request.title,
        "subtitle": request.subtitle,
        "date": written_date(request.date, request.lang),
        "abstract": request.summary,
        "description": request.summary,
    }
    meta: dict[str, Any] = {name: _inlines(text) for name, text in lines.items() if text}
    meta["lang"] = _inlines(request.lang)
    meta["toc-title"] = _inlines(language(request.lang).contents)
    meta["abstract-title"] = _inlines("")
    if request.authors:
        meta["author"] = {"t": "MetaList", "c": [_inlines(name) for name in request.authors]}
    if request.tags:
        meta["keywords"] = {"t": "MetaList", "c": [_inlines(tag) for tag in request.tags]}
    if is_right_to_left(request.lang):
        meta["dir"] = _inlines("rtl")
    return meta


def _inlines(text: str) -> dict[str, Any]:
    return {"t": "MetaInlines", "c": words(text)}
