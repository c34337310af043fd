"""The document on paper: as PDF, and its first page as a picture."""

import json
import shutil
from pathlib import Path
from typing import Any

from engine.renders.documents.formulas import broken
from engine.renders.documents.languages import TEMPLATES, language, primary, written_date
from engine.renders.documents.letters import missing, shown
from engine.renders.documents.nodes import texts_of
from engine.renders.documents.pictures import Picture
from engine.renders.documents.press import compiler, pages
from engine.renders.documents.reading import Content
from engine.renders.documents.remarks import Remarks
from engine.renders.documents.request import Request
from engine.renders.documents.typst_body import Body
from engine.renders.program import Fault

PREVIEW_WIDTH = 800  # pixels
A4_WIDTH = 595.28  # points
WORD_INCH = 220  # pixels in an inch of a chart in a Word file
RUNNING = 80  # characters of the title at the top of each page, and of its authors at the foot
MANY = 0.2  # of all letters; where so many are missing, the PDF is hardly to be used
TEMPLATE_FILES = ("common.typ", "report.typ", "post.typ")


class Paper:
    """A document laid out on pages, in a folder outside of which nothing is read."""

    def __init__(self, request: Request, content: Content, remarks: Remarks) -> None:
        """Lay it out.

        Raises:
            Fault: it cannot be laid out; says why.
        """
        self._request = request
        self._content = content
        self._folder = content.folder
        self._missing = self._find_missing(remarks)
        for name in TEMPLATE_FILES:
            shutil.copy(TEMPLATES / name, self._folder / name)
        try:
            self._lay_out(frozenset())
        except RuntimeError:  # of which TypstError is one
            self._lay_out_with_less(remarks)

    def pdf(self) -> bytes:
        """The document as PDF."""
        return pages(self._compiler.compile(format="pdf", sys_inputs={}))[0]

    def preview(self) -> bytes:
        """The first page as PNG, 800 pixels wide."""
        inputs = {"preview": "yes", "pages": str(self.pages)}
        dots = PREVIEW_WIDTH / A4_WIDTH * 72
        try:
            return pages(self._compiler.compile(format="png", ppi=dots, sys_inputs=inputs))[0]
        except RuntimeError:  # something on the first page needs what lies beyond it
            return pages(self._compiler.compile(format="png", ppi=dots, sys_inputs={}))[0]

    def _find_missing(self, remarks: Remarks) -> frozenset[str]:
        request = self._request
        told = " ".join((request.title, request.subtitle, request.author, request.date, *request.tags, request.summary))
        text = told + "".join(texts_of(self._content.blocks))
        signs = missing(text, self._folder)
        if signs:
            remarks.add(f"The PDF lacks signs that no font here has: {shown(signs)}")
        letters = [sign for sign in text if sign.isalpha()]
        if sum(sign in signs for sign in letters) > MANY * len(letters):
            remarks.add("The PDF lacks much of its text; install a font for its script, and make it again")
        return signs

    def _lay_out(self, broken_formulas: frozenset[str]) -> None:
        body = Body(self._request.lang, self._missing, broken_formulas)
        first, rest = body.written(self._content.blocks)
        if self._request.is_report:
            rest = first + rest
        (self._folder / "first.typ").write_text(first, encoding="utf-8")
        (self._folder / "body.typ").write_text(rest, encoding="utf-8")
        (self._folder / "document.json").write_text(json.dumps(self._asked(body)), encoding="utf-8")
        name = "report.typ" if self._request.is_report else "post.typ"
        self._compiler = compiler(self._folder / name)
        self.pages = int(json.loads(self._compiler.query("<pages>", field="value", one=True)))

    def _lay_out_with_less(self, remarks: Remarks) -> None:
        """Formulas are the one part of a text that may turn out to be no Typst."""
        formulas = broken(self._content.blocks, self._folder)
        try:
            self._lay_out(formulas)
        except RuntimeError as error:
            raise Fault(f"The document cannot be laid out on pages: {str(error).splitlines()[0]}") from None
        for formula in formulas:
            remarks.add("Formulas that cannot be set stand in the PDF as they are written", formula)

    def _asked(self, body: Body) -> dict[str, Any]:
        """What the templates need to know; they read it as data, so nothing in it is ever executed."""
        request, words = self._request, language(self._request.lang)
        title = body.line(request.title)
        *_, region = f"-{request.lang}".split("-")
        return {
            "title": title,
            "running": _cut(title),
            "subtitle": body.line(request.subtitle),
            "authors": [body.line(author) for author in request.authors],
            "author_line": body.line(request.author),
            "foot": _cut(body.line(request.author)),
            "date": body.line(written_date(request.date, request.lang)),
            "tags": [body.line(tag) for tag in request.tags],
            "summary": body.line(request.summary),
            "lang": primary(request.lang),
            "region": region.upper() if len(region) == 2 and "-" in request.lang else None,
            "is_right_to_left": request.is_right_to_left,
            "is_numbered": request.is_numbered,
            "has_contents": request.has_contents and bool(self._content.headings),
            "words": {"contents": words.contents, "page": words.page},
        }


def _cut(text: str) -> str:
    return text if len(text) <= RUNNING else f"{text[:RUNNING].rstrip()}…"


def as_pixels(charts: list[Picture], folder: Path) -> dict[str, str]:
    """The charts as PNG for those who cannot show SVG; the name of each by the name of the other."""
    if not charts:
        return {}
    drawings = (
        f"#page(width: {chart.width:.2f}mm, height: {chart.height:.2f}mm)"
        f'[#image("{chart.file}", width: 100%, height: 100%)]'
        for chart in charts
    )
    (folder / "charts.typ").write_text("#set page(margin: 0pt)\n" + "\n".join(drawings), encoding="utf-8")
    drawn = pages(compiler(folder / "charts.typ").compile(format="png", ppi=WORD_INCH))
    names = {}
    for chart, made in zip(charts, drawn, strict=True):
        names[chart.file] = chart.file.replace(".svg", ".png")
        (folder / names[chart.file]).write_bytes(made)
    return names
