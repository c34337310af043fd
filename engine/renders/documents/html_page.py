"""The document as one HTML file: style and pictures are in it, nothing in it runs, nothing is fetched."""

import json
import re
from typing import Any

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from engine.renders.documents import pandoc
from engine.renders.documents.headings import Heading
from engine.renders.documents.languages import CALLOUTS, TEMPLATES, language, written_date
from engine.renders.documents.nodes import Node, attributes, node, replaced
from engine.renders.documents.pictures import TEXT_WIDTH, data_uri
from engine.renders.documents.reading import Content
from engine.renders.documents.request import Request

CONTENTS_DEPTH = 3
COLUMN = 592  # pixels: as wide as the text is on paper
_PICTURE = re.compile(r'(<img\s[^>]*?src=")((?:picture|chart)-\d+\.\w+)(")')
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def page(request: Request, content: Content) -> str:
    """The whole file.

    Raises:
        Fault: pandoc cannot write it.
    """
    blocks = _for_html(content.blocks, content.headings if request.is_numbered else [], request.lang)
    options = ("--mathml", "--shift-heading-level-by=1", "--email-obfuscation=none")
    body = pandoc.write(blocks, "html5", *options).decode()
    body = _PICTURE.sub(lambda found: f"{found[1]}{data_uri(content.folder / found[2])}{found[3]}", body)
    templates = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    return templates.get_template("page.html").render(
        {
            **vars(request),
            "author": request.author,
            "is_right_to_left": request.is_right_to_left,
            "date": written_date(request.date, request.lang),
            "day": request.date if _DAY.fullmatch(request.date) else "",
            "contents": language(request.lang).contents,
            "headings": _in_contents(content.headings) if request.has_contents else [],
            "style": Markup((TEMPLATES / "page.css").read_text(encoding="utf-8")),  # noqa: S704 (a file of ours)
            "linked_data": "" if request.is_report else _linked_data(request, content),
            "body": Markup(body),  # noqa: S704 (pandoc wrote it of a tree without anything raw)
        }
    )


def _for_html(blocks: list[Node], numbered: list[Heading], lang: str) -> list[Node]:
    numbers = {heading.place: heading.number for heading in numbered}
    labels = dict(zip(CALLOUTS, language(lang).callouts, strict=True))

    def changed(each: Node) -> list[Node] | None:
        match each["t"]:
            case "Header":
                return [_numbered(each, numbers)]
            case "Table":
                return [node("Div", [attributes("", ["table"]), [each]])]
            case "Image":
                return [_sized(each)]
            case "Div":
                return [_callout(each, labels)]
        return None

    made: list[Node] = replaced(blocks, changed)
    return made


def _numbered(heading: Node, numbers: dict[str, str]) -> Node:
    level, told, inlines = heading["c"]
    if number := numbers.get(told[0]):
        inlines = [node("Span", [attributes("", ["number"]), [node("Str", number)]]), node("Space"), *inlines]
    return node("Header", [level, told, inlines])


def _sized(image: Node) -> Node:
    told, alt, target = image["c"]
    width = float(dict(told[2])["width"].removesuffix("mm")) * COLUMN / TEXT_WIDTH
    return node("Image", [attributes(width=f"{width:.0f}", loading="lazy"), alt, target])


def _callout(div: Node, labels: dict[str, str]) -> Node:
    (_, (kind, *_), _), blocks = div["c"]
    label = node("Div", [attributes("", ["label"]), [node("Plain", [node("Str", labels[kind])])]])
    return node("Div", [attributes("", ["callout", kind], role="note"), [label, *blocks]])


def _in_contents(headings: list[Heading]) -> list[Heading]:
    return [heading for heading in headings if heading.level <= CONTENTS_DEPTH]


def _linked_data(request: Request, content: Content) -> Markup:
    """What search engines read of an article (schema.org/BlogPosting)."""
    told: dict[str, Any] = {
        "@context": "https://schema.org",
        "@type": "BlogPosting",
        "headline": request.title,
        "alternativeHeadline": request.subtitle,
        "description": request.summary,
        "author": [{"@type": "Person", "name": name} for name in request.authors],
        "datePublished": request.date if _DAY.fullmatch(request.date) else "",
        "keywords": list(request.tags),
        "inLanguage": request.lang,
        "wordCount": content.word_count,
    }
    text = json.dumps({name: value for name, value in told.items() if value}, ensure_ascii=False)
    for sign, escaped in (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026")):
        text = text.replace(sign, escaped)  # so that nothing in it ends the element
    return Markup(text)  # noqa: S704
