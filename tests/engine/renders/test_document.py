"""Documents as independent readers see them: HTML parsed, PDF read by pypdf, Word files by python-docx."""

import base64
import io
import json
import re
import shutil
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import docx
import pytest
from docx.enum.text import WD_ALIGN_PARAGRAPH
from PIL import Image
from pypdf import PdfReader

from engine.renders.document import run
from engine.renders.documents import pandoc
from engine.renders.program import Fault
from tests.engine.renders.bench import Bench

ACCENT, YELLOW = (79, 70, 229), (240, 200, 20)
REPORT = {
    "kind": "report",
    "title": "Our year",
    "subtitle": "What came of it",
    "authors": ["Ada Lovelace", "Bob Stone"],
    "date": "2026-03-01",
    "formats": ["html", "pdf", "docx"],
}
TEXT = """# Results

Orders *rose*, see [the risks](#risks) and [the web](https://example.org/a?b=1&c=2).

### Orders

```csv
Quarter,Sum,Change
First,"€ 1,204",+4 %
Second,998
```

# Risks

| What | How much |
|------|----------|
| Rain | 12       |
"""
VOID = frozenset({"meta", "img", "br", "hr", "input", "link", "col"})


@dataclass
class Element:
    """An element of a page: its attributes, and the text in it."""

    tag: str
    attributes: dict[str, str]
    text: str = ""


@dataclass
class Page(HTMLParser):
    """A page as a browser would take it apart."""

    elements: list[Element] = field(default_factory=list)
    open: list[Element] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """One more element."""
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.elements.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """One that has nothing in it."""
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        """The innermost one of this kind ends."""
        while self.open and self.open.pop().tag != tag:
            pass

    def handle_data(self, data: str) -> None:
        """Text is in all that is open."""
        for element in self.open:
            element.text += data

    def all(self, *tags: str) -> list[Element]:
        """The elements of these kinds, in order."""
        return [element for element in self.elements if element.tag in tags]

    def texts(self, *tags: str) -> list[str]:
        """What stands in the elements of these kinds."""
        return [" ".join(element.text.split()) for element in self.all(*tags)]


@dataclass
class Made:
    """What the program made."""

    result: dict[str, Any]
    bench: Bench

    def data(self, name: str) -> bytes:
        """A file's content."""
        return (self.bench.made / name).read_bytes()

    @property
    def page(self) -> Page:
        """The HTML."""
        page = Page()
        page.feed(self.data("document.html").decode())
        return page

    @property
    def pdf(self) -> Any:
        """The PDF."""
        return PdfReader(io.BytesIO(self.data("document.pdf")))

    @property
    def pages(self) -> list[str]:
        """The text of each page of the PDF; where lines are broken does not matter."""
        return [" ".join(page.extract_text().split()) for page in self.pdf.pages]

    @property
    def word(self) -> Any:
        """The Word file."""
        return docx.Document(io.BytesIO(self.data("document.docx")))

    @property
    def preview(self) -> Image.Image:
        """The picture of the first page."""
        return Image.open(io.BytesIO(self.data("preview.png"))).convert("RGB")

    @property
    def log(self) -> str:
        """Every line of the log."""
        return "\n".join(self.bench.told("log"))


def make(bench: Bench, body: str, **more: Any) -> Made:
    """What becomes of this text; it takes the place of what was made before."""
    for folder in (bench.folder / "own", bench.made):
        shutil.rmtree(folder, ignore_errors=True)
    bench.said.clear()
    return Made(run(bench.work(**{**REPORT, "body": body, **more})), bench)


def png(file: Path, size: tuple[int, int] = (300, 200)) -> str:
    Image.new("RGB", size, YELLOW).save(file, "PNG")
    return str(file)


def from_data(uri: str) -> bytes:
    return base64.b64decode(uri.partition(";base64,")[2])


def share(picture: Image.Image, colour: tuple[int, int, int]) -> float:
    """How much of a picture has this colour, within a little."""
    pixels = memoryview(picture.resize((120, 80), Image.Resampling.NEAREST).tobytes())
    bands = (pixels[band::3] for band in range(3))
    near = [all(abs(a - b) < 12 for a, b in zip(pixel, colour, strict=True)) for pixel in zip(*bands, strict=True)]
    return sum(near) / len(near)


def darkest(picture: Image.Image) -> int:
    """The darkest of its pixels, from 0 to 255."""
    return min(picture.convert("L").tobytes())


def test_a_report_has_a_cover_contents_and_numbered_pages(bench: Bench) -> None:
    made = make(bench, TEXT)
    cover, contents, text = made.pages
    assert cover == "Our year What came of it Ada Lovelace, Bob Stone 1 March 2026"
    assert re.fullmatch(
        r"Our year Contents 1 Results 3 1\.1 Orders [ .]*3 2 Risks 3 Ada Lovelace, Bob Stone Page 2 of 3", contents
    )
    assert text.startswith("Our year 1 Results Orders rose, see the risks and the web.")
    assert text.endswith("Ada Lovelace, Bob Stone Page 3 of 3")
    assert made.pdf.metadata is not None
    assert (made.pdf.metadata.title, made.pdf.metadata.author) == ("Our year", "Ada Lovelace, Bob Stone")
    assert [entry["/Title"] for entry in made.pdf.outline if isinstance(entry, dict)] == ["1 Results", "2 Risks"]
    assert made.result == {
        "files": ["document.html", "document.pdf", "document.docx"],
        "preview": "preview.png",
        "pages": 3,
        "words": 24,
        "title": "Our year",
    }
    assert bench.told("progress") == [25.0, 50.0, 65.0, 80.0, 95.0]


def test_headings_are_numbered_alike_everywhere_or_nowhere(bench: Bench) -> None:
    made = make(bench, TEXT)
    assert made.page.texts("h2", "h3") == ["Contents", "1 Results", "1.1 Orders", "2 Risks"]
    headings = [each for each in made.word.paragraphs if each.style.name.startswith("Heading")]
    assert [(each.style.name, each.text) for each in headings] == [
        ("Heading 1", "1\tResults"),
        ("Heading 2", "1.1\tOrders"),
        ("Heading 1", "2\tRisks"),
    ]
    bare = make(bench, TEXT, numbered=False, contents=False)
    assert bare.page.texts("h2", "h3", "nav") == ["Results", "Orders", "Risks"]
    assert bare.pages[1].startswith("Our year Results Orders rose")
    assert [each.text for each in bare.word.paragraphs if each.style.name == "Heading 2"] == ["Orders"]


def test_a_post_is_an_article_that_search_engines_understand(bench: Bench) -> None:
    made = make(bench, TEXT, kind="post", tags=["a", "b"], summary="In </script> short", lang="de")
    page = made.page
    meta = {
        each.attributes.get("name"): each.attributes["content"] for each in page.all("meta") if len(each.attributes) > 1
    }
    (script,) = page.all("script")
    assert page.texts("title", "h1", "time") == ["Our year", "Our year", "1. März 2026"]
    assert page.all("time")[0].attributes == {"datetime": "2026-03-01"}
    assert (meta["description"], meta["author"], meta["keywords"]) == (
        "In </script> short",
        "Ada Lovelace, Bob Stone",
        "a, b",
    )
    assert script.attributes == {"type": "application/ld+json"}
    assert json.loads(script.text) == {
        "@context": "https://schema.org",
        "@type": "BlogPosting",
        "headline": "Our year",
        "alternativeHeadline": "What came of it",
        "description": "In </script> short",
        "author": [{"@type": "Person", "name": "Ada Lovelace"}, {"@type": "Person", "name": "Bob Stone"}],
        "datePublished": "2026-03-01",
        "keywords": ["a", "b"],
        "inLanguage": "de",
        "wordCount": 24,
    }
    assert len(made.pages) == 1
    assert made.pages[0].startswith(
        "Our year What came of it Ada Lovelace, Bob Stone · 1. März 2026 In </script> short"
    )
    assert made.pages[0].endswith("Seite 1 von 1")


def test_a_heading_that_only_says_the_title_stands_once(bench: Bench) -> None:
    made = make(bench, "# Our  Year\n\n## First\n\nText", kind="post")
    assert made.page.texts("h1", "h2") == ["Our year", "First"]
    assert made.pages[0].count("year") == 1


HOSTILE = """# <b onclick=x>H</b> {#id onclick="alert(1)" style="x"}

<script>alert(1)</script>

<iframe src="https://example.org"></iframe>

A <img src=x onerror=alert(1)> Vec<T> a<br>b

[a](javascript:alert(1)) [b](data:text/html,x) [c](file:///etc/passwd) [d](#nowhere) [e](mailto:a@example.org)

[f]{onclick="alert(1)"} ![g](https://example.org/g.png)

```{=html}
<script>raw</script>
```

`<u>`{=html} :::

::: {.x onclick="alert(1)"}
inside
:::
"""


def test_nothing_in_a_page_runs_or_is_fetched(bench: Bench) -> None:
    made = make(bench, HOSTILE, title="</title><script>alert(2)</script>", formats=["html"])
    page = made.page
    assert page.all("script", "iframe", "img", "object", "embed", "u", "b") == []
    assert not [each for each in page.elements for name in each.attributes if name.startswith("on")]
    links = {each.text: each.attributes["href"] for each in page.all("a") if each.text != "1 H"}
    assert links == {"e": "mailto:a@example.org"}
    assert page.texts("title") == ["</title><script>alert(2)</script>"]
    assert {"A Vec<T> a b", "a b c d e", "f g", "inside"} <= set(page.texts("p"))
    assert "<script>raw</script>" in page.texts("pre")
    assert "HTML in the Markdown is left out: <b onclick=x>, </b>, <script>alert(1)</script> and 2 more" in made.log
    assert "Links to headings that do not exist are left as text: #nowhere" in made.log


def test_what_looks_like_typst_is_text(bench: Bench) -> None:
    code = '#read("/etc/passwd") #import "@preview/x:1.0.0" $ ] [ @ref <lab> // * _ \\ `'
    body = f"# Head {code}\n\nPlain {code}\n\n```\n{code}\n```\n\n| {code} | b |\n|--|--|\n| #panic() | ] |\n"
    made = make(bench, body, title=code, authors=["#panic()"], summary="] #panic()", formats=["pdf"])
    told = ["".join(page.split()) for page in made.pages]
    assert "".join(code.split()) in told[0]
    assert "#panic()" in told[0]
    assert sum(page.count("/etc/passwd") for page in told) >= 5
    assert not any("root:" in page for page in told)


def test_tables_have_their_numbers_at_the_right_and_rows_of_one_length(bench: Bench) -> None:
    made = make(bench, TEXT)
    first, second = made.word.tables
    assert [[cell.text for cell in row.cells] for row in first.rows] == [
        ["Quarter", "Sum", "Change"],
        ["First", "€\u00a01,204", "+4\u00a0%"],
        ["Second", "998", ""],
    ]
    sides = [cell.paragraphs[0].alignment for cell in first.rows[1].cells]
    assert sides == [None, WD_ALIGN_PARAGRAPH.RIGHT, WD_ALIGN_PARAGRAPH.RIGHT]
    assert second.rows[1].cells[1].paragraphs[0].alignment == WD_ALIGN_PARAGRAPH.RIGHT
    cells = [each.attributes.get("style", "") for each in made.page.all("td")]
    assert ["right" in style for style in cells] == [False, True, True, False, True, True, False, True]
    assert "Rows of a table that are shorter than others are filled with empty cells: Quarter, Sum, Change" in made.log


LEAST_ACCENT = {"bar": 0.1, "stacked": 0.1, "pie": 0.03, "line": 0.003}
CHART = """```chart
type: {kind}
title: Sales & <orders>
Month,Shop
May,12
June,24
July,18
```
"""


@pytest.mark.parametrize("form", ["bar", "line", "pie", "stacked"])
def test_a_chart_is_drawn_with_nothing_in_it_that_runs_or_is_fetched(bench: Bench, form: str) -> None:
    made = make(bench, CHART.format(kind=form))
    (image,) = made.page.all("img")
    assert image.attributes["src"].startswith("data:image/svg+xml;base64,")
    assert image.attributes["alt"] == "Sales & <orders>: Shop; from May to July"
    svg = from_data(image.attributes["src"]).decode()
    drawn = [each.tag.rpartition("}")[2] for each in ElementTree.fromstring(svg).iter()]  # noqa: S314 (it was made here)
    assert not {"script", "image", "foreignObject", "a"} & set(drawn)
    assert not re.search(r"href|url\(|@import|\son\w+=", svg)
    assert ("May" if form != "pie" else "May · 22%") in svg
    assert made.page.texts("figcaption") == ["Figure 1: Sales & <orders>"]
    assert "Figure 1: Sales & <orders>" in made.pages[1]
    (shape,) = made.word.inline_shapes
    part = made.word.part.related_parts[shape._inline.graphic.graphicData.pic.blipFill.blip.embed]
    assert share(Image.open(io.BytesIO(part.blob)).convert("RGB"), ACCENT) > LEAST_ACCENT[form]
    assert abs(shape.width.mm - 140) < 1


@pytest.mark.parametrize(
    ("chart", "sentence"),
    [
        ("type: donut\na,b\nx,1", "A chart without a title must have a type of bar, line, pie, stacked, not 'donut'"),
        (
            "type: bar\ntitle: T",
            "The chart “T” must have a line of names, then at least one of values, as in “Month,Sales” and “May,12”",
        ),
        (
            "title: T\nMonth\nMay",
            "The chart “T” must have a line of names, then at least one of values, as in “Month,Sales” and “May,12”",
        ),
        ("title: T\na,b\nx,many", "The chart “T”, row “x”, column “b”, must be a number, not 'many'"),
        ("title: T\na,b\nx,1,2", "The chart “T”, row “x”, must have at most 2 values, not 3"),
        ("title: T\na,b\nx,", "The chart “T” must have at least one number"),
        (
            "type: pie\ntitle: T\na,b\nx,-1",
            "The chart “T” must have parts of a whole as type pie: none below zero, and not all zero",
        ),
        ("type: pie\ntitle: T\na,b,c\nx,1,2", "The chart “T” must have one column of values as type pie, not 2"),
        (
            "title: T\na,b\n" + "x,1\n" * 41,
            "The chart “T” must have at most 40 rows as type bar, not 41",
        ),
    ],
)
def test_a_chart_that_cannot_be_drawn_is_told(bench: Bench, chart: str, sentence: str) -> None:
    with pytest.raises(Fault) as fault:
        make(bench, f"```chart\n{chart}\n```")
    assert str(fault.value) == sentence
    assert list(bench.made.iterdir()) == []


def test_pictures_are_in_every_format(bench: Bench) -> None:
    pictures = {"image:1": png(bench.folder / "a.png"), "12/my card.png": png(bench.folder / "b.png", (4000, 100))}
    body = "![A view](image:1)\n\nText ![small](<12/my card.png>){width=10%} goes on."
    made = make(bench, body, pictures=pictures)
    first, second = (each.attributes for each in made.page.all("img"))
    assert (first["alt"], second["alt"], second["width"]) == ("A view", "small", "59")
    shown = Image.open(io.BytesIO(from_data(second["src"]))).convert("RGB")
    assert (shown.size, shown.getpixel((9, 9))) == ((1800, 45), YELLOW), "no larger than paper can show"
    assert made.page.texts("figcaption") == ["Figure 1: A view"]
    in_pdf = [image.image for page in made.pdf.pages for image in page.images]
    assert [image.convert("RGB").getpixel((5, 5)) for image in in_pdf if image] == [YELLOW, YELLOW]
    assert [round(shape.width.mm) for shape in made.word.inline_shapes] == [53, 14]


def test_a_picture_that_is_broken_is_told_and_one_that_is_nowhere_is_logged(bench: Bench) -> None:
    broken = bench.folder / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(64))
    with pytest.raises(Fault, match=r"^The picture image:1 cannot be read: cannot identify image file$"):
        make(bench, "![a](image:1)", pictures={"image:1": str(broken)})
    unused = png(bench.folder / "unused.png")
    made = make(bench, "![gone](image:7)", pictures={"image:1": unused}, formats=["html"])
    assert "gone" in made.page.texts("p")
    assert "descriptions stand instead: image:7" in made.log
    assert "Attached pictures that the text does not show: image:1" in made.log


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (
            "|a|b|\n|-|-|\n" + "|1|2|\n" * 10_000,
            "A table must have at most 2,000 rows, not 10,000; divide it, or attach it as a file",
        ),
        ("|" + "a|" * 25 + "\n|" + "-|" * 25, "A table must have at most 24 columns, not 25"),
        (
            "```csv\n" + "a,b,c,d,e,f,g,h\n" + "1,2,3,4,5,6,7,8\n" * 1900 + "```\n\n```csv\na,b,c,d,e,f,g,h\n"
            "" + "1,2,3,4,5,6,7,8\n" * 1900 + "```",
            "The tables of a text must have at most 30,000 cells together",
        ),
        (">" * 50 + " deep", "Lists and quotes in the text must be nested at most 10 deep"),
        (">" * 5000 + " deep", "Lists, quotes and emphasis in the text are nested too deeply"),
        ("\n".join("  " * depth + "- x" for depth in range(30)), "must be nested at most 10 deep"),
        ("*a **b " * 30 + "** c*" * 30, "Emphasis and links in the text must be nested at most 20 deep"),
    ],
)
def test_what_is_too_large_or_too_deep_is_told(bench: Bench, body: str, sentence: str) -> None:
    with pytest.raises(Fault, match=re.escape(sentence)):
        make(bench, body)


@pytest.mark.parametrize(
    ("name", "limit", "sentence"),
    [
        ("SECONDS", 0.0, "The Markdown cannot be read: it takes more than 0.0 s; divide or simplify the text"),
        ("MOST_READ", 1000, "The Markdown cannot be read: it becomes too large; divide or simplify the text"),
        ("HEAP", "4m", "The Markdown cannot be read: it becomes too large; divide or simplify the text"),
    ],
)
def test_pandoc_gets_so_much_and_no_more(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, name: str, limit: Any, sentence: str
) -> None:
    monkeypatch.setattr(pandoc, name, limit)
    with pytest.raises(Fault) as fault:
        make(bench, "*word* " * 4_000)
    assert str(fault.value) == sentence


def test_a_text_of_headings_alone_and_an_empty_one_become_documents(bench: Bench) -> None:
    made = make(bench, "# Our year")
    assert made.pages == ["Our year What came of it Ada Lovelace, Bob Stone 1 March 2026"]
    assert (made.page.texts("h1", "nav"), made.result["words"]) == (["Our year"], 0)
    assert len(make(bench, "", kind="post").pages) == 1
    headings = make(bench, "#\n\n# A\n\n###### B\n\n# A\n", formats=["pdf", "html"])
    assert headings.page.texts("h2", "h3") == ["Contents", "1 A", "1.1 B", "2 A"]
    places = [each.attributes["id"] for each in headings.page.all("h2", "h3") if "id" in each.attributes]
    assert len(set(places)) == 3


HEBREW = "# פרק\n\nזהו טקסט בעברית.\n\n| שם | סכום |\n|--|--|\n| א | 12 |\n"  # noqa: RUF001


def test_a_text_from_right_to_left_is_set_so(bench: Bench) -> None:
    made = make(bench, HEBREW, title="דוח שנתי", kind="post", authors=[], date="", subtitle="")
    (html,) = made.page.all("html")
    assert html.attributes == {"lang": "he", "dir": "rtl"}
    assert "left" in made.page.all("td")[1].attributes["style"], "numbers stand at the end of their line"
    left, right = (made.preview.crop(box) for box in ((90, 90, 400, 160), (400, 90, 710, 160)))
    assert darkest(left) > 200
    assert darkest(right) < 60
    assert "עמוד" in "".join(made.pages) or "דומע" in "".join(made.pages)


def test_signs_that_no_font_has_are_left_out_of_the_pdf_and_told(bench: Bench) -> None:
    lost = "\U0002fe0f"  # nothing is there yet, so no font has it
    made = make(bench, f"# Go{lost}od\n\nFine {lost}\ufe0f text Ж Ω → ✓\n", title=f"T{lost}itle")
    assert "Go" + lost + "od" in made.data("document.html").decode()
    assert made.word.paragraphs[0].text == f"T{lost}itle"
    assert f"The PDF lacks signs that no font here has: {lost} (U+2FE0F)" in made.log
    assert "Fine text Ж Ω → ✓" in " ".join(made.pages)


def test_formulas_are_set_and_those_that_cannot_be_stand_as_written(bench: Bench) -> None:
    made = make(bench, "Set $a^2$ and broken $\\frac{}{}$ ones.", formats=["html", "pdf"])
    assert len(made.page.all("math")) == 2
    assert "\\frac{}{}" in made.pages[1]
    assert "a^2" not in made.pages[1]
    assert "Formulas that cannot be set stand in the PDF as they are written: \\frac{}{}" in made.log


def test_code_quotes_tasks_and_callouts_keep_their_form(bench: Bench) -> None:
    body = (
        'She said "so" about `x`.\n\n> Quoted\n\n- [x] Done\n- [ ] Open\n\n> [!WARNING]\n> Take care\n\n'
        "```python\ndef f():\n    return 1\n```\n\nTerm\n: Told[^1]\n\n[^1]: A note\n"
    )
    made = make(bench, body, lang="de", kind="post")
    page = made.page
    assert page.texts("blockquote") == ["Quoted"]
    assert "She said „so“ about x." in page.texts("p")
    assert [("checked" in box.attributes) for box in page.all("input")] == [True, False]
    assert page.texts("dt", "dd") == ["Term", "Told1"]
    (callout,) = (each for each in page.all("div") if each.attributes.get("role") == "note")
    assert callout.text.split() == ["Warnung", "Take", "care"]
    assert [each.text for each in made.word.paragraphs if each.style.name == "Source Code"] == [
        "def f():\n    return 1"
    ]
    assert [each.text for each in made.word.paragraphs if each.style.name == "Callout"] == ["Warnung", "Take care"]
    assert "def f(): return 1" in made.pages[0]


def test_links_in_the_pdf_lead_to_the_web_and_to_headings(bench: Bench) -> None:
    made = make(bench, TEXT, formats=["pdf"])
    found = [note.get_object() for note in made.pdf.pages[2].get("/Annots", [])]
    targets = [note["/A"]["/URI"] if "/A" in note and "/URI" in note["/A"] else "within" for note in found]
    assert sorted(targets) == ["https://example.org/a?b=1&c=2", "within"]


def test_the_word_file_has_its_title_on_each_page_and_counts_them(bench: Bench) -> None:
    made = make(bench, TEXT, formats=["docx"])
    section, properties = made.word.sections[0], made.word.core_properties
    assert section.header.paragraphs[0].text == "Our year"
    assert section.footer.paragraphs[0].text == "Ada Lovelace, Bob Stone\tPage 1 of 1"
    fields = re.findall(r"<w:instrText[^>]*> (\w+) <", section.footer.paragraphs[0]._p.xml)
    assert fields == ["PAGE", "NUMPAGES"]
    assert (properties.title, properties.author) == ("Our year", "Ada Lovelace; Bob Stone")
    assert [each.text for each in made.word.paragraphs[:4]] == [
        "Our year",
        "What came of it",
        "Ada Lovelace",
        "Bob Stone",
    ]
    assert (round(section.page_width.mm), round(section.left_margin.mm)) == (210, 35)


def test_the_preview_shows_the_first_page_whatever_was_asked_for(bench: Bench) -> None:
    report = make(bench, TEXT, formats=["html"])
    assert sorted(file.name for file in bench.made.iterdir()) == ["document.html", "preview.png"]
    assert (report.preview.size, report.result["pages"]) == ((800, 1131), 3)
    assert report.preview.getpixel((20, 20)) == (55, 48, 163)
    assert report.preview.getpixel((20, 1100)) == (255, 255, 255)
    long = make(
        bench, "[Last](#last) words. " * 30 + "\n\n" + "Text. " * 1500 + "\n\n# Last\n", kind="post", formats=["html"]
    )
    assert long.preview.size == (800, 1131)
    assert darkest(long.preview.crop((90, 1040, 710, 1131))) < 160, "the foot is there"
