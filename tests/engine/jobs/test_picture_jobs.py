"""IMAGE_RENDER and ANIMATION_RENDER: what is refused when it is submitted, and real files at the end."""

import base64
import io
import subprocess
import sys
from typing import Any, get_args

import pytest
from PIL import Image

from engine.errors import InvalidInput
from engine.jobs.animation_render import AnimationRender
from engine.jobs.base import JobType
from engine.jobs.image_render import CardPayload, ImageRender
from engine.renders.cards.canvas import CANVASES
from engine.renders.cards.encoding import OUTPUTS
from engine.renders.cards.palettes import PALETTES
from engine.renders.cards.templates import TEMPLATES
from engine.settings import Settings
from models.states import Category, Status
from tests.engine.renders.bench import film_of
from tests.support.engine import running, submitted, until_status

pytestmark = [pytest.mark.usefixtures("database"), pytest.mark.either]

TABLE = "name,2019,2020\nAda,10,40\nBob,20,20"


def picture(colour: tuple[int, int, int] = (240, 200, 20), kind: str = "PNG") -> str:
    content = io.BytesIO()
    Image.new("RGB", (64, 36), colour).save(content, kind)
    return base64.b64encode(content.getvalue()).decode()


async def faults(job_type: JobType[Any], settings: Settings, **payload: Any) -> list[tuple[str, str]]:
    """What is wrong with it, by field."""
    with pytest.raises(InvalidInput) as refused:
        await job_type.accept(job_type.parse({"headline": "Ship it", **payload}), settings)
    return [(fault.field, fault.message) for fault in refused.value.errors]


@pytest.mark.parametrize(
    ("payload", "field", "words"),
    [
        ({"headline": " \n "}, "headline", "Headline must not be empty"),
        ({"headline": "a" * 201}, "headline", "Headline must have at most 200 characters, not 201"),
        ({"headline": "שלום"}, "headline", "must have letters or digits that the fonts have: Latin, Greek or Cyrillic"),
        ({"subline": "a" * 301}, "subline", "Subline must have at most 300 characters"),
        ({"label": "a\nb"}, "label", "Label must not contain line breaks"),
        ({"template": "poster"}, "template", "Template must be one of spotlight, editorial, split"),
        ({"palette": "pink"}, "palette", "Palette must be one of indigo, ocean, forest"),
        ({"colours": ["blue", "#FFFFFF"]}, "colours", "Own colours must be written as #1E3A8A, not 'blue'"),
        ({"colours": ["#FFFFFF"]}, "colours", "Own colours must be 2 or 3"),
        ({"colours": ["#777777", "#777777"]}, "colours", "white and black letters reach a contrast of 4.5 on #777777"),
        ({"colours": ["#FFFFFF", "#000000", "#EEEEEE"]}, "colours", "in #EEEEEE reach a contrast of 1.2 on #FFFFFF"),
        ({"format": "a4"}, "format", "Format must be one of landscape, square, story"),
        ({"picture": {"data": "bm90IGEgcGljdHVyZQ=="}}, "picture", "Picture must be one of gif, jpg, png, webp"),
        ({"logo": {"data": "%%%"}}, "logo.data", "must be base64"),
        ({"logo": "99/logo.png"}, "logo", "there is no 99/logo.png"),
        (
            {"logo": {"data": base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"0" * 2_000_000).decode()}},
            "logo",
            "2,000,000 bytes",
        ),
    ],
)
async def test_what_cannot_become_a_card_is_refused_by_field(
    settings: Settings, payload: dict[str, Any], field: str, words: str
) -> None:
    for job_type in (ImageRender(), AnimationRender()):
        ((at, message),) = await faults(job_type, settings, **payload)
        assert at == field
        assert words in message


@pytest.mark.parametrize(
    ("payload", "field", "words"),
    [
        ({"kind": "wave"}, "kind", "Kind must be one of reveal, count_up, bar_race"),
        ({"seconds": 0.5}, "seconds", "Seconds must be 1 or more, not 0.5"),
        ({"seconds": 21}, "seconds", "Seconds must be 20 or less, not 21"),
        ({"kind": "count_up"}, "end", "Count to is required"),
        ({"kind": "count_up", "start": 3, "end": 3}, "end", "Count to must differ from Count from, which is 3 too"),
        ({"kind": "count_up", "end": 2e12}, "end", "Count to must be 1e+12 or less"),
        ({"kind": "count_up", "end": 1, "suffix": "u" * 17}, "suffix", "at most 16 characters"),
        ({"kind": "bar_race"}, "table", "Table is required for the kind bar_race"),
        ({"kind": "bar_race", "table": "name,2019,2020"}, "table", "must have 1 to 20 rows below its header, not 0"),
        ({"kind": "bar_race", "table": "name;1;2\na;1;2"}, "table", "2 to 60 steps in its header"),
        ({"kind": "bar_race", "table": "name,1\na,1"}, "table", "2 to 60 steps in its header"),
        ({"kind": "bar_race", "table": "name,1,2\na,1"}, "table", "must have 2 values in row 1 (a), not 1"),
        (
            {"kind": "bar_race", "table": "name,1,2\na,1,many"},
            "table",
            "a number such as 1234.5 in row 1 (a), 2, not 'many'",
        ),
        ({"kind": "bar_race", "table": "name,1,2\na,1,"}, "table", "not ''"),
        ({"kind": "bar_race", "table": "name,1,2\na,-1,1"}, "table", "in row 1 (a), 1, not -1"),
        ({"kind": "bar_race", "table": "name,1,2\na,1,inf"}, "table", "in row 1 (a), 2, not inf"),
        ({"kind": "bar_race", "table": "name,1,2\na,nan,1"}, "table", "not 'nan'"),
        ({"kind": "bar_race", "table": "name,1,2\na,1,2\na,1,2"}, "table", "each name once; 'a' is there twice"),
        ({"kind": "bar_race", "table": "name,1,2\n,1,2"}, "table", "must name row 1"),
        ({"kind": "bar_race", "table": 'name,1,2\n"a,1,2'}, "table", "must be CSV"),
        ({"kind": "bar_race", "table": "name,1,2\n" + "\n".join(f"{n},1,2" for n in range(21))}, "table", "not 21"),
    ],
)
async def test_what_cannot_become_a_loop_is_refused_by_field(
    settings: Settings, payload: dict[str, Any], field: str, words: str
) -> None:
    ((at, message),) = await faults(AnimationRender(), settings, **payload)
    assert at == field
    assert words in message


async def test_every_fault_is_told_at_once(settings: Settings) -> None:
    many = {"kind": "count_up", "headline": "…", "colours": ["#777777", "#777777"], "logo": "x", "picture": "y"}
    told = await faults(AnimationRender(), settings, **many)
    assert [field for field, _ in told] == ["end", "headline", "colours", "picture", "logo"]


async def test_a_card_with_an_uploaded_picture_and_an_earlier_card_as_its_logo(settings: Settings) -> None:
    async with running(settings, ImageRender()) as atlas:
        first = await submitted(atlas, "IMAGE_RENDER", {"headline": "First", "output": "webp"})
        await until_status(atlas, first, Status.COMPLETED)
        card = {
            "headline": "Ship\nit",
            "subline": "Now",
            "template": "split",
            "picture": {"data": picture(kind="JPEG")},
        }
        job_id = await submitted(atlas, "IMAGE_RENDER", {**card, "logo": f"{first}/thumbnail.webp"})
        job = await until_status(atlas, job_id, Status.COMPLETED)
        assert job.summary == "Ship it · split · landscape"
        assert job.result == {
            "message": "A 1200 × 630 card",
            "files": ["card.png"],
            "preview": "card.png",
            "thumbnail": "thumbnail.webp",
            "alt": "Ship it – Now",
        }
        assert job.payload["picture"]["file"].endswith(".jpg")
        assert job.payload["logo"]["file"].endswith(".webp")
        assert await atlas.downloads.artifact_names(job) == ["card.png", "thumbnail.webp"]
        stored = await atlas.downloads.artifact(job.id, "card.png")
        assert stored.path is not None
        red, green, blue = Image.open(stored.path).convert("RGB").getpixel((1100, 300))  # type: ignore[misc]
        assert (red > 220, green > 180, blue < 60) == (True, True, True)
        assert [file.name for file in stored.path.parent.iterdir() if file.name.startswith(".")] == []


async def test_a_broken_picture_fails_the_job_with_a_sentence(settings: Settings) -> None:
    broken = base64.b64encode(base64.b64decode(picture())[:50]).decode()
    async with running(settings, ImageRender()) as atlas:
        job_id = await submitted(atlas, "IMAGE_RENDER", {"headline": "Ship it", "picture": {"data": broken}})
        job = await until_status(atlas, job_id, Status.FAILED)
        assert "The picture picture.png cannot be read" in (job.error or "")
        assert job.attempt == 1
        assert await atlas.downloads.artifact_names(job) == []


async def test_a_race_becomes_a_film_and_a_poster(settings: Settings) -> None:
    race = {"headline": "Jobs", "kind": "bar_race", "table": TABLE, "seconds": 1, "format": "landscape"}
    async with running(settings, AnimationRender()) as atlas:
        job = await until_status(atlas, await submitted(atlas, "ANIMATION_RENDER", race), Status.COMPLETED)
        assert job.summary == "Jobs · bar race · 1 s"
        assert job.result == {
            "message": "A 1 s loop, 1200 × 630",
            "files": ["animation.mp4"],
            "preview": "poster.png",
            "seconds": 1.0,
        }
        assert await atlas.downloads.artifact_names(job) == ["animation.mp4", "poster.png"]
        stored = await atlas.downloads.artifact(job.id, "animation.mp4")
        assert stored.path is not None
        film = film_of(stored.path)
        assert (film.size, film.codec, len(film.frames)) == ((1200, 630), "h264", 30)


def test_what_the_jobs_offer_is_what_the_programs_know() -> None:
    fields = CardPayload.model_fields
    assert get_args(fields["template"].annotation) == tuple(TEMPLATES)
    assert get_args(fields["palette"].annotation) == tuple(PALETTES)
    assert get_args(fields["format"].annotation) == tuple(CANVASES)
    assert get_args(AnimationRender().fields()["output"].annotation) == tuple(OUTPUTS)


def test_both_are_animation_and_may_be_repeated() -> None:
    job_types: list[JobType[Any]] = [ImageRender(), AnimationRender()]
    for job_type in job_types:
        assert (job_type.category, job_type.targets(job_type.parse({"headline": "a"}))) == (Category.ANIMATION, ())
        assert job_type.result_line({"message": "A 1200 × 630 card"}).text == "A 1200 × 630 card"


def test_a_start_of_the_engine_loads_no_drawing_library() -> None:
    program = "import sys, engine.jobs.image_render, engine.jobs.animation_render; print('PIL' in sys.modules)"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "False"
