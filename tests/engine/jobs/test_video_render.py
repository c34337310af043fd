"""VIDEO_RENDER: what is refused when it is submitted, and a real film at the end, made beside the engine."""

import base64
import io
from collections.abc import Callable
from time import monotonic
from typing import Any

import psutil
import pytest
from PIL import Image

from engine.errors import InvalidInput
from engine.jobs.video_render import VideoRender
from engine.jobs.video_script import scenes_of
from engine.settings import Settings
from models.states import Status
from tests.engine.renders.bench import film_of
from tests.support.engine import running, submitted, until, until_status

CANCEL_SECONDS = 5.0  # 2 where nothing else runs

pytestmark = [pytest.mark.usefixtures("database"), pytest.mark.either]


SCRIPT = """# A film

What it is about.

## Second
seconds: 1
colour: #10A010
transition: slide

---
![](image:1)
seconds: 0.5
"""


def picture(colour: tuple[int, int, int] = (240, 200, 20)) -> str:
    content = io.BytesIO()
    Image.new("RGB", (64, 36), colour).save(content, "PNG")
    return base64.b64encode(content.getvalue()).decode()


async def faults(settings: Settings, **payload: Any) -> list[tuple[str, str]]:
    """What is wrong with it, by field."""
    job_type = VideoRender()
    with pytest.raises(InvalidInput) as refused:
        await job_type.accept(job_type.parse(payload), settings)
    return [(fault.field, fault.message) for fault in refused.value.errors]


def test_a_script_is_told_in_scenes() -> None:
    assert scenes_of(SCRIPT) == [
        {"text": "A film", "caption": "What it is about."},
        {"text": "Second", "seconds": "1", "colour": "#10A010", "transition": "slide"},
        {"image": "image:1", "seconds": "0.5"},
    ]
    assert scenes_of("Only *what* is\nsaid, with `code`") == [{"caption": "Only what is said, with code"}]
    assert scenes_of("\n---\n\n---\n") == []


@pytest.mark.parametrize(
    ("payload", "field", "words"),
    [
        ({}, "script", "must tell at least one scene"),
        ({"script": "---"}, "script", "must tell 1 to 60 scenes, not 0"),
        ({"script": "# a\n" * 61}, "script", "not 61"),
        ({"script": "# a", "scenes": [{"text": "b"}]}, "scenes", "must be left out"),
        ({"script": "# a\n\n![](image:2)"}, "script", "scene 1: 'image:2' must be one of the 0 pictures"),
        ({"script": "# a\n\nseconds: many"}, "script", "scene 1: seconds must be a number"),
        ({"script": "# a\n\n![](99/card.png)"}, "scenes.0.image", "there is no 99/card.png"),
        ({"script": "# a\n\n![](https://example.org/a.png)"}, "scenes.0.image", "a file of an earlier job"),
        ({"scenes": [{}]}, "scenes.0", "must have a text, an image, a colour or a caption"),
        ({"scenes": [{"text": "a", "seconds": 120}] * 6}, "scenes", "at most 600 s together, not 720 s"),
        ({"script": "# a", "images": [{"data": "bm90IGEgcGljdHVyZQ=="}]}, "images.0", "must be one of gif, jpg, png"),
        ({"script": "# a", "images": [{"data": "%%%"}]}, "images.0.data", "must be base64"),
        ({"script": "# a", "voice": {"data": picture()}}, "voice", "must be one of flac, m4a, mp3, ogg, wav, not png"),
        ({"script": "# a", "music": "12"}, "music", "a file of an earlier job as in 12/card.png, not '12'"),
    ],
)
async def test_what_cannot_become_a_film_is_refused_by_field(
    settings: Settings, payload: dict[str, Any], field: str, words: str
) -> None:
    (told,) = await faults(settings, **payload)
    assert told[0] == field
    assert words in told[1]


async def test_a_script_with_a_picture_becomes_a_film_with_captions_and_a_thumbnail(settings: Settings) -> None:
    payload = {"script": SCRIPT, "images": [{"data": picture()}], "format": "square"}
    async with running(settings, VideoRender()) as atlas:
        job = await until_status(atlas, await submitted(atlas, "VIDEO_RENDER", payload), Status.COMPLETED)
        assert job.summary == "A film · 4.8 s · square"
        assert job.result is not None
        assert job.result["message"] == "A video of 4.8 s, 1080 × 1080"
        assert await atlas.downloads.artifact_names(job) == ["captions.vtt", "thumbnail.jpg", "video.mp4"]
        stored = await atlas.downloads.artifact(job.id, "video.mp4")
        assert stored.path is not None
        film = film_of(stored.path)
        red, green, blue = film.colour(4.8, 0.5, 0.5)
        assert (red > 200, green > 160, blue < 90) == (True, True, True)
        assert [file.name for file in stored.path.parent.iterdir() if file.name.startswith(".")] == []


async def test_a_picture_of_an_earlier_job_is_kept_by_content(settings: Settings) -> None:
    async with running(settings, VideoRender()) as atlas:
        first = await submitted(atlas, "VIDEO_RENDER", {"scenes": [{"colour": "#D01010", "seconds": 0.5}]})
        await until_status(atlas, first, Status.COMPLETED)
        script = f"# Again\n\n![]({first}/thumbnail.jpg)\nseconds: 0.5"
        second = await until_status(atlas, await submitted(atlas, "VIDEO_RENDER", {"script": script}), Status.COMPLETED)
        (scene,) = second.payload["scenes"]
        assert scene["image"]["file"].endswith(".jpg")
        assert "artifact" not in scene["image"]


async def test_a_cancelled_render_is_over_soon_and_leaves_no_program_and_no_file(settings: Settings) -> None:
    long = {"scenes": [{"text": "Long", "seconds": 120}] * 5}
    async with running(settings, VideoRender()) as atlas:
        job_id = await submitted(atlas, "VIDEO_RENDER", long)
        await until(atlas, is_encoding, "ffmpeg at work")
        programs = _programs()  # found now: one whose parent ends is no child of ours any more
        assert len(programs) > 1
        asked_at = monotonic()
        await atlas.commands.cancel(job_id)  # returns once the attempt has ended

        async def are_gone() -> bool:
            return not any(map(_is_at_work, programs))

        await until(atlas, are_gone, "every program of the render ended")
        assert monotonic() - asked_at < CANCEL_SECONDS
        job = await atlas.queries.job(job_id)
        assert job.status is Status.CANCELLED
        assert await atlas.downloads.artifact_names(job) == []
        assert scraps(settings) == []


def scraps(settings: Settings) -> list[str]:
    """What a render would leave."""
    return [file.name for pattern in ("*.png", "*.mp4", "work.json") for file in settings.data_dir.rglob(pattern)]


def _programs() -> list[psutil.Process]:
    """The render's program, and what that has started."""
    renders = [each for each in psutil.Process().children() if "engine.renders.program" in _asked(each.cmdline)]
    return renders + [each for render in renders for each in render.children(recursive=True)]


def _asked(ask: Callable[[], str | list[str]]) -> str | list[str]:
    """What a program says of itself; nothing if it has ended meanwhile."""
    try:
        return ask()
    except psutil.NoSuchProcess:
        return ""


def _is_at_work(program: psutil.Process) -> bool:
    """Whether it runs, and is not merely on a list of those that have ended."""
    try:
        return program.is_running() and program.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _encoders() -> list[psutil.Process]:
    return [each for each in psutil.Process().children(recursive=True) if "ffmpeg" in _asked(each.name)]


async def is_encoding() -> bool:
    return bool(_encoders())
