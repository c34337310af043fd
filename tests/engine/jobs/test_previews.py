"""What an approver is shown: each type's job as what it will be."""

import base64
from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from engine import clock
from engine.engine import Atlas
from engine.jobs.preview import (
    CallPreview,
    CardPreview,
    DocumentPreview,
    FieldsPreview,
    FilmPreview,
    MailPreview,
    PostPreview,
    Preview,
    TaskPreview,
)
from engine.settings import Settings
from models.channel import Channel
from tests.support.engine import changed, running, scripted, stored_job, submitted

pytestmark = pytest.mark.either

LLM = {"llm_url": "http://127.0.0.1:9/v1", "llm_model": "small"}


def picture() -> str:
    """A picture, as base64."""
    written = BytesIO()
    Image.new("RGB", (8, 6), "navy").save(written, "PNG")
    return base64.b64encode(written.getvalue()).decode()


async def preview_of(atlas: Atlas, type_key: str, payload: dict[str, Any]) -> Preview:
    """What a job that was submitted with this payload will be."""
    job_id = await submitted(atlas, type_key, payload, requires_approval=True)
    return await atlas.queries.preview(await atlas.queries.job(job_id))


async def test_a_mail_has_its_sender_and_counts_everybody_once(settings: Settings) -> None:
    own = changed(settings, smtp_host="mail.example.org", smtp_from="jobs@example.org")
    payload = {
        "to": ["ada@example.org", "bob@example.org"],
        "cc": "ada@example.org",
        "bcc": "boss@example.org",
        "subject": "Numbers",
        "body": "Here",
        "attachments": [{"data": base64.b64encode(b"1,2").decode(), "name": "numbers.csv"}],
    }
    async with running(own) as atlas:
        mail = await preview_of(atlas, "EMAIL_SEND", payload)
    assert isinstance(mail, MailPreview)
    assert (mail.sender, mail.server, mail.recipients) == ("jobs@example.org", "mail.example.org", 3)
    assert (mail.to, mail.bcc) == (("ada@example.org", "bob@example.org"), ("boss@example.org",))
    assert [(file.name, file.size) for file in mail.attachments] == [("numbers.csv", 3)]


async def test_a_post_is_as_long_as_each_channel_counts_and_says_where_it_does_not_fit(settings: Settings) -> None:
    link = "https://example.org/" + "a" * 60
    limits = {"characters": 500, "characters_per_link": 23}
    async with running(settings) as atlas:
        about: dict[str, Any] = {
            "kind": "mastodon",
            "url": "https://m.example",
            "limits": limits,
            "account": "@us@m.example",
        }
        await Channel.create(name="masto", created_at=clock.now(), **about)
        payload = {
            "text": f"Look: {link}",
            "channels": ["feed", "masto"],
            "images": [{"data": picture(), "alt": "Sky"}],
        }
        job_id = await submitted(atlas, "SOCIAL_POST", payload, requires_approval=True)
        job = await atlas.queries.job(job_id)
        post = await atlas.queries.preview(job)
        await Channel.filter(name="masto").update(limits={**limits, "characters": 20})
        shorter = await atlas.queries.preview(job)
        await Channel.filter(name="masto").delete()
        gone = await atlas.queries.preview(job)
    assert isinstance(post, PostPreview)
    assert isinstance(shorter, PostPreview)
    assert isinstance(gone, PostPreview)
    assert [(each.channel, each.length, each.limit, each.fault) for each in post.channels] == [
        ("feed", 6 + len(link), 5000, ""),
        ("masto", 6 + 23, 500, ""),
    ]
    assert post.channels[1].account == "@us@m.example"
    assert [(image.alt, image.size) for image in post.images] == [("Sky", len(base64.b64decode(picture())))]
    assert shorter.channels[1].fault == "Text has 29 characters, at most 20 are allowed on masto"
    assert gone.channels[1].fault == "There is no channel masto any more: connect it in Settings"


async def test_a_call_is_filled_in_and_tells_no_secret(settings: Settings) -> None:
    payload = {
        "url": "https://api.example.org/{{ values.order }}",
        "headers": ["Authorization: Bearer {{ secrets.TOKEN }}", "X-Api-Key: abc123456", "X-Team: sales"],
        "body": '{"order": {{ values.order | tojson }}, "job": "{{ job.id }}"}',
        "values": {"order": "A-17"},
    }
    async with running(settings) as atlas:
        await atlas.secrets.put("TOKEN", "very-secret", ["api.example.org"], "test")
        call = await preview_of(atlas, "WEBHOOK_CALL", payload)
    assert isinstance(call, CallPreview)
    assert (call.method, call.url) == ("POST", "https://api.example.org/A-17")
    assert dict(call.headers) == {
        "Authorization": "Bearer [secret TOKEN]",
        "X-Api-Key": "abc•••",
        "X-Team": "sales",
        "Content-Type": "application/json",
    }
    assert call.body == '{"order": "A-17", "job": "[job id]"}'


async def test_a_film_is_its_scenes_and_a_script_is_edited_without_them(settings: Settings) -> None:
    script = "# Spring\n\nFlowers.\n\n# Come\n\ncolour: #166534\n\nseconds: 5\n\n![](image:1)"
    async with running(settings) as atlas:
        job_id = await submitted(
            atlas, "VIDEO_RENDER", {"script": script, "images": [{"data": picture()}]}, requires_approval=True
        )
        job = await atlas.queries.job(job_id)
        film = await atlas.queries.preview(job)
        job_type = atlas.registry.get("VIDEO_RENDER")
        assert "scenes" not in job_type.editable(job.payload)
        assert await job_type.accept(job_type.parse(job_type.editable(job.payload)), settings)
    assert isinstance(film, FilmPreview)
    assert [(scene.text, scene.caption, scene.ground) for scene in film.scenes] == [
        ("Spring", "Flowers.", "#312E81"),
        ("Come", "", "#166534"),
    ]
    assert film.scenes[1].seconds == 5
    assert film.scenes[1].image
    assert film.scenes[1].image.size
    assert (film.width, film.height) == (1920, 1080)


async def test_a_picture_and_a_loop_are_their_words_on_their_colours(settings: Settings) -> None:
    card = {"headline": "Spring", "colours": ["#102030", "#FF8800"]}
    async with running(settings) as atlas:
        still = await preview_of(atlas, "IMAGE_RENDER", {**card, "template": "quote", "format": "story"})
        loop = await preview_of(atlas, "ANIMATION_RENDER", {**card, "kind": "count_up", "end": 90, "suffix": " %"})
    assert isinstance(still, CardPreview)
    assert isinstance(loop, CardPreview)
    assert (still.headline, still.ground, still.ink, still.height) == ("Spring", "#102030", "#FFFFFF", 1920)
    assert dict(loop.facts)["Counts"] == "0 % to 90 %"


async def test_a_document_is_its_text_without_what_it_says_of_itself(settings: Settings) -> None:
    body = "---\nauthor: Mira\ntags: [spring]\n---\n# A day\n\n![](image:1)"
    async with running(settings) as atlas:
        document = await preview_of(atlas, "BLOG_POST", {"body": body, "images": [{"data": picture()}]})
    assert isinstance(document, DocumentPreview)
    assert (document.title, document.body.strip()) == ("A day", "# A day\n\n![](image:1)")
    assert dict(document.facts)["By"] == "Mira"
    assert document.pictures["image:1"].endswith(".png")


async def test_an_agents_task_warns_of_jobs_that_nobody_will_look_at(settings: Settings) -> None:
    asked = {"goal": "Tell our readers of spring", "tools": ["submit_job"], "job_types": ["EMAIL_SEND"], "max_steps": 3}
    async with running(changed(settings, **LLM)) as atlas:
        careful = await preview_of(atlas, "AGENT_TASK", asked)
        bold = await preview_of(atlas, "AGENT_TASK", {**asked, "needs_approval": False})
    assert isinstance(careful, TaskPreview)
    assert isinstance(bold, TaskPreview)
    assert (careful.goal, careful.tools, careful.warning) == ("Tell our readers of spring", ("submit_job",), "")
    assert {"Steps": "at most 3", "Submits": "EMAIL_SEND", "Model": "small"}.items() <= dict(careful.budget).items()
    assert bold.warning == "The jobs that it submits do not wait for approval"


async def test_anything_else_is_its_fields_also_when_its_type_is_gone(settings: Settings) -> None:
    async def nothing(_: Any) -> dict[str, Any]:
        return {}

    async with running(settings, scripted(nothing)) as atlas:
        known = await preview_of(atlas, "SCRIPTED", {"note": "Look"})
        row = await stored_job(type="GONE", payload={"left": 1})
        gone = await atlas.queries.preview(await atlas.queries.job(row.id))
    assert known == FieldsPreview({"note": "Look"})
    assert gone == FieldsPreview({"left": 1})
