"""KB_DOCUMENT: made as files, published as an article with its pictures, and found by its words."""

import base64
import io

import pytest
from PIL import Image

from engine import knowledge
from engine.jobs.kb_document import KbDocument, plain
from engine.settings import Settings
from models.states import Status
from tests.support.engine import running, submitted, until_status

pytestmark = [pytest.mark.usefixtures("database"), pytest.mark.either]

BODY = """---
tags: [brand]
---

# Tone of voice

We write **short** sentences.

![A meadow](image:1)
"""


def picture() -> str:
    content = io.BytesIO()
    Image.new("RGB", (8, 8), (1, 2, 3)).save(content, "PNG")
    return base64.b64encode(content.getvalue()).decode()


async def test_an_article_is_published_with_its_pictures_and_the_next_is_its_next_version(settings: Settings) -> None:
    payload = {"body": BODY, "images": [{"data": picture()}], "formats": ["html"]}
    async with running(settings, KbDocument()) as atlas:
        job_id = await submitted(atlas, "KB_DOCUMENT", payload, created_by="ada")
        job = await until_status(atlas, job_id, Status.COMPLETED)
        assert job.result is not None
        assert (job.result["message"], job.result["url"]) == ("Version 1 of Tone of voice", "/app/kb/tone-of-voice")
        (found,) = await knowledge.search("short sentences")
        assert (found.slug, found.tags, found.updated_by) == ("tone-of-voice", ("brand",), "ada")
        article = await atlas.queries.article("tone-of-voice")
        stored = job.payload["images"][0]["file"]
        assert article.pictures == {"image:1": stored}
        assert (await atlas.downloads.image(stored)).size > 0
        again = {"body": "# Another title\n\nText", "slug": "tone-of-voice", "formats": ["html"]}
        await until_status(atlas, await submitted(atlas, "KB_DOCUMENT", again), Status.COMPLETED)
        assert (await atlas.queries.article("tone-of-voice")).title == "Another title"
        assert len(await atlas.queries.article_versions("tone-of-voice")) == 2


def test_the_words_of_a_text_are_told_without_its_marks() -> None:
    assert plain("# A *b*\n\n- c [d](https://e.org)\n\n![f](image:1)\n\n```\ng\n```") == "A b\nc d\n\ng\n"
