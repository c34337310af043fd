"""BLOG_POST and REPORT: what is refused when they are submitted, and real documents at the end."""

import base64
import io
import zipfile
from typing import Any

import pytest
from PIL import Image
from pypdf import PdfReader

from engine.engine import Atlas
from engine.errors import InvalidInput
from engine.jobs.base import Context
from engine.jobs.blog_post import BlogPost
from engine.jobs.report import Report
from engine.settings import Settings
from models.states import Category, Status
from tests.support.engine import running, scripted, submitted, until_status

pytestmark = [pytest.mark.usefixtures("database"), pytest.mark.either]

YELLOW, GREEN = (240, 200, 20), (10, 160, 16)
BODY = "# Our year\n\nIt went **well**.\n\n## Orders\n\nThey rose.\n"


def picture(colour: tuple[int, int, int] = YELLOW) -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (64, 36), colour).save(content, "PNG")
    return content.getvalue()


def attached(colour: tuple[int, int, int] = YELLOW, **more: str) -> dict[str, str]:
    return {"data": base64.b64encode(picture(colour)).decode(), **more}


async def faults(settings: Settings, **payload: Any) -> list[tuple[str, str]]:
    """What is wrong with it, by field."""
    job_type = Report()
    with pytest.raises(InvalidInput) as refused:
        await job_type.accept(job_type.parse(payload), settings)
    return [(fault.field, fault.message) for fault in refused.value.errors]


async def file(atlas: Atlas, job_id: int, name: str) -> bytes:
    found = await atlas.downloads.artifact(job_id, name)
    return b"".join([chunk async for chunk in atlas.downloads.read(found, 0, found.size)])


def colours_in_word(content: bytes) -> list[Any]:
    """The colour of each picture in a Word file."""
    with zipfile.ZipFile(io.BytesIO(content)) as parts:
        names = sorted(name for name in parts.namelist() if name.startswith("word/media/"))
        pictures = [Image.open(io.BytesIO(parts.read(name))).convert("RGB") for name in names]
    return [each.getpixel((5, 5)) for each in pictures]


async def test_a_report_is_made_in_three_formats_and_tells_how_long_it_is(settings: Settings) -> None:
    async with running(settings, Report()) as atlas:
        job = await until_status(atlas, await submitted(atlas, "REPORT", {"body": BODY}), Status.COMPLETED)
        assert job.result
        assert await atlas.downloads.artifact_names(job) == [
            "document.docx",
            "document.html",
            "document.pdf",
            "preview.png",
        ]
        pages = PdfReader(io.BytesIO(await file(atlas, job.id, "document.pdf"))).pages
        preview = Image.open(io.BytesIO(await file(atlas, job.id, "preview.png")))
    assert job.result == {
        "message": f"A report of {len(pages)} pages",
        "files": ["document.html", "document.pdf", "document.docx"],
        "preview": "preview.png",
        "pages": 3,
        "words": 6,
        "title": "Our year",
    }
    assert Report().result_line(job.result).text == "A report of 3 pages"
    assert (preview.width, job.category) == (800, Category.DOCUMENT)


async def test_a_post_says_what_its_front_matter_says(settings: Settings) -> None:
    front = "---\ntitle: Fresh news\nauthor: Ada\ntags: a, b\ndate: 2026-03-01\nlang: de\n---\n"
    payload = {"body": f"{front}{BODY}", "formats": "html"}
    async with running(settings, BlogPost()) as atlas:
        job = await until_status(atlas, await submitted(atlas, "BLOG_POST", payload), Status.COMPLETED)
        page = (await file(atlas, job.id, "document.html")).decode()
    assert job.result
    assert job.result["files"] == ["document.html"]
    assert (job.result["title"], job.result["message"]) == ("Fresh news", "A post of 8 words")
    assert "<h1>Fresh news</h1>" in page
    assert "1. März 2026" in page
    assert '<html lang="de"' in page


async def test_pictures_come_from_the_payload_and_from_earlier_jobs(settings: Settings) -> None:
    async def paints(context: Context) -> dict[str, Any]:
        context.artifact("card.png").write_bytes(picture(GREEN))
        return {}

    async with running(settings, Report(), scripted(paints)) as atlas:
        painted = await submitted(atlas)
        await until_status(atlas, painted, Status.COMPLETED)
        body = f"![First](image:1)\n\n![Second]({painted}/card.png)\n\n![Third](mine.png)\n"
        images = [attached(), attached((0, 0, 255), name="mine.png")]
        payload = {"title": "Pictures", "body": body, "images": images, "formats": ["docx"]}
        job = await until_status(atlas, await submitted(atlas, "REPORT", payload), Status.COMPLETED)
        assert sorted(colours_in_word(await file(atlas, job.id, "document.docx"))) == [(0, 0, 255), GREEN, YELLOW]
        stored = job.payload["images"]
    assert [set(image) for image in stored] == [{"file"}, {"file", "name"}, {"file", "name"}]
    assert [image.get("name") for image in stored] == [None, "mine.png", f"{painted}/card.png"]


async def test_what_was_accepted_can_be_submitted_once_more(settings: Settings) -> None:
    job_type = Report()
    payload = job_type.parse({"body": "# A\n\n![](image:1)", "images": [attached()]})
    once = await job_type.accept(payload, settings)
    twice = await job_type.accept(job_type.parse(job_type.dump(once)), settings)
    assert twice == once
    assert once.title == "A"
    assert job_type.summary(once) == "A · HTML, PDF, DOCX"


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (
            "---\ntitle: A: b\n---\nText",
            "Body has front matter that is no YAML: line 2: mapping values are not allowed here; "
            "a text with a colon in it needs quotes",
        ),
        ("---\n- a\n---\nText", "Body must have front matter that names fields, such as “title: Our year”"),
        ("---\ntitle: [a]\n---\nText", "Body must have text as title in its front matter, not a list"),
        (
            "---\ndate: 2026-02-30\n---\nText",
            "Body must have a day that exists as date in its front matter, not 2026-02-30",
        ),
        (
            "---\nlang: german\n---\nText",
            "Body must have a language such as en or de-AT as lang in its front matter, not 'german'",
        ),
        (
            "---\na: &x [b]\nc: [*x, *x]\n---\nText",
            "Body must have front matter of plain fields and lists, without nesting or aliases",
        ),
        (
            "---\na: " + "[" * 9000 + "\n---\nText",
            "Body must have front matter of plain fields and lists, without nesting or aliases",
        ),
        ("---\ntitle: A\n---\n\n", "Body must not be empty after what it says of itself"),
    ],
)
async def test_front_matter_that_cannot_be_used_is_refused(settings: Settings, body: str, sentence: str) -> None:
    assert await faults(settings, title="T", body=body) == [("body", sentence)]


async def test_two_lines_of_dashes_are_no_front_matter_when_an_empty_line_follows(settings: Settings) -> None:
    job_type = Report()
    accepted = await job_type.accept(job_type.parse({"title": "T", "body": "---\n\nText: x: y\n\n---\n"}), settings)
    assert accepted.body == "---\n\nText: x: y\n\n---\n"


HOW = "attach the picture and write ![](image:1) for the first one, or ![](12/card.png) for a file of job 12"


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (
            "![a](https://example.org/a.png)",
            f"Body must not show a picture from the web, as 'https://example.org/a.png': {HOW}",
        ),
        (
            "![a][far]\n\n[far]: HTTP://example.org/a.png",
            f"Body must not show a picture from the web, as 'HTTP://example.org/a.png': {HOW}",
        ),
        ("| a |\n|--|\n| ![a](a.png) |", f"Body must not show a picture that is not attached, as 'a.png': {HOW}"),
        ("![](/etc/passwd)", f"Body must not show a picture that is not attached, as '/etc/passwd': {HOW}"),
        ("![a](image:2)", "Body shows 'image:2', and must show a picture that is attached; there is 1"),
        (
            "![a](7/card.png)",
            "Body shows '7/card.png', which must be a file that an earlier job made; there is no 7/card.png",
        ),
        (
            "![a](7/../../card.png)",
            "Body shows '7/../../card.png', which must be base64 data, or a file of an earlier job as in 12/card.png, "
            "not '7/../../card.png'",
        ),
    ],
)
async def test_a_picture_that_is_not_there_is_refused(settings: Settings, body: str, sentence: str) -> None:
    assert await faults(settings, title="T", body=body, images=[attached()]) == [("body", sentence)]


async def test_pictures_in_code_are_none(settings: Settings) -> None:
    body = "`![a](https://x.org/a.png)`\n\n```\n![a](b.png)\n```\n"
    job_type = BlogPost()
    assert (await job_type.accept(job_type.parse({"title": "T", "body": body}), settings)).images == []


async def test_what_is_no_picture_or_too_many_is_refused(settings: Settings) -> None:
    pdf = {"data": base64.b64encode(b"%PDF-1.7 and so on").decode()}
    told = await faults(settings, title="T", body="x", images=[attached(), pdf])
    assert told == [("images.1", "Pictures 2 must be one of gif, jpg, png, webp, not pdf")]
    many = "".join(f"![]({number}/card.png)\n" for number in range(1, 21))
    told = await faults(settings, title="T", body=many, images=[attached()])
    assert told == [("images", "Pictures must be at most 20 with those of earlier jobs, not 21")]
    with pytest.raises(InvalidInput, match="Pictures must have at most 20 entries, not 21"):
        Report().parse({"title": "T", "body": "x", "images": [attached()] * 21})


async def test_a_title_is_needed_from_somewhere(settings: Settings) -> None:
    told = await faults(settings, body="Just text")
    assert told == [("title", "Title is required, as the body has none and no heading")]
    job_type = Report()
    accepted = [
        await job_type.accept(job_type.parse({"body": body}), settings)
        for body in ("Text\n\n## The *first* `one`\n", "Over\n====\n\n# Next\n", "---\ntitle: Named\n---\n# Other\n")
    ]
    assert [payload.title for payload in accepted] == ["The first one", "Over", "Named"]


@pytest.mark.parametrize(
    ("payload", "sentence"),
    [
        ({"body": " \n "}, "Body must not be empty"),
        ({"body": "x" * 500_001}, "Body must have at most 500,000 characters, not 500,001"),
        ({"body": "x", "title": "a\nb"}, "Title must not contain line breaks or control characters (found U+000A)"),
        ({"body": "x", "formats": ["epub"]}, "Formats 1 must be one of html, pdf, docx, not 'epub'"),
    ],
)
def test_what_breaks_a_rule_is_refused(payload: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        Report().parse(payload)
    assert [fault.message for fault in refused.value.errors] == [sentence]


def test_formats_are_named_in_a_line_or_a_list_each_once() -> None:
    given = ["PDF, docx; pdf", ["docx", "docx"], "", []]
    parsed = [Report().parse({"body": "x", "formats": formats}).formats for formats in given]
    assert parsed == [["pdf", "docx"], ["docx"], ["html", "pdf", "docx"], ["html", "pdf", "docx"]]


async def test_a_text_that_cannot_be_set_fails_with_a_sentence_and_leaves_nothing(settings: Settings) -> None:
    body = "# A\n\n```chart\ntype: bar\ntitle: Sales\nMonth,Sum\nMay,lots\n```\n"
    async with running(settings, Report()) as atlas:
        job = await until_status(atlas, await submitted(atlas, "REPORT", {"body": body}), Status.FAILED)
        names = await atlas.downloads.artifact_names(job)
    assert job.error == "The chart “Sales”, row “May”, column “Sum”, must be a number, not 'lots'"
    assert (job.attempt, names) == (1, [])
