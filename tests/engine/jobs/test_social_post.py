"""SOCIAL_POST: every channel gets it once, and one channel's failure hides no other's success."""

import base64
import hashlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from engine.actors import local
from engine.engine import Atlas
from engine.errors import InvalidInput, Superseded
from engine.jobs.social_post import SocialPost
from engine.retry import RetryPolicy
from engine.settings import Settings
from engine.storage import open_storage
from models.channel import FeedEntry
from models.job import Job
from models.states import Status
from tests.servers.mastodon import MastodonServer
from tests.support.engine import running, submitted, until_status

PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)
POSTS = "/api/v1/statuses"


class QuickSocialPost(SocialPost):
    """Tries again at once."""

    retry = RetryPolicy(attempts=3, base=0.01)


@pytest.fixture
def one() -> Iterator[MastodonServer]:
    with MastodonServer() as server:
        yield server


@pytest.fixture
def two() -> Iterator[MastodonServer]:
    with MastodonServer() as server:
        yield server


@asynccontextmanager
async def connected(settings: Settings, **servers: MastodonServer) -> AsyncIterator[Atlas]:
    """Atlas with the feed, and these servers as channels."""
    async with running(settings, QuickSocialPost()) as atlas:
        for name, server in servers.items():
            token = {"access_token": server.token}
            channel = await atlas.administration.connect_channel(name, "mastodon", server.url, token)
            assert channel.fault is None
        yield atlas


async def post(atlas: Atlas, *channels: str, text: str = "Hello", **more: Any) -> int:
    return await submitted(atlas, "SOCIAL_POST", {"text": text, "channels": list(channels), **more})


async def test_a_post_on_the_feed_can_be_read_there(settings: Settings) -> None:
    async with connected(settings) as atlas:
        job = await until_status(atlas, await post(atlas, "feed"), Status.COMPLETED)
        (entry,) = await atlas.queries.feed()
        assert (entry.text, entry.channel) == ("Hello", "feed")
        assert job.result
        assert job.result["message"] == "Posted to feed"
        assert job.result["posts"] == [{"channel": "feed", "url": f"/feed/{entry.id}", "id": entry.id}]
        line = SocialPost().result_line(job.result)
        assert (line.text, line.url) == ("Posted to feed", f"/feed/{entry.id}")


async def test_where_it_failed_it_is_tried_again_and_where_it_succeeded_it_is_not(
    settings: Settings, one: MastodonServer, two: MastodonServer
) -> None:
    two.fail_next(POSTS, status=429)
    async with connected(settings, one=one, two=two) as atlas:
        job = await until_status(atlas, await post(atlas, "feed", "one", "two"), Status.COMPLETED)
        assert (await FeedEntry.all().count(), len(one.statuses), len(two.statuses)) == (1, 1, 1)
        assert (len(one.asked(POSTS)), len(two.asked(POSTS))) == (1, 2)
        keys = {request.headers["idempotency-key"] for request in two.asked(POSTS)}
        assert len(keys) == 1, "the same identity both times"
        assert job.result
        assert [p["channel"] for p in job.result["posts"]] == ["feed", "one", "two"]
        first, _ = await atlas.queries.attempts(job.id)
        assert (first.error or "").startswith("Posted to feed, one, but not everywhere. two: ")


@pytest.mark.either
async def test_a_channel_that_refuses_for_good_leaves_what_the_others_took_in_the_result(
    settings: Settings, one: MastodonServer, two: MastodonServer
) -> None:
    async with connected(settings, one=one, two=two) as atlas:
        one.tokens.clear()
        job_id = await post(atlas, "one", "two")
        job = await until_status(atlas, job_id, Status.FAILED)
        assert (job.outcome, job.attempt) == (None, 1)
        assert (job.error or "").startswith("Posted to two, but not everywhere. one: ")
        assert job.result
        assert [p["channel"] for p in job.result["posts"]] == ["two"]
        one.tokens[one.token] = "alice"
        await atlas.commands.retry(job_id)
        await until_status(atlas, job_id, Status.COMPLETED)
        assert (len(one.statuses), len(two.statuses)) == (1, 1)


@pytest.mark.parametrize(("went_out", "posts"), [(True, 1), (False, 2)])
async def test_an_answer_that_never_came_waits_for_a_person_and_the_rest_goes_on_after(
    settings: Settings, one: MastodonServer, two: MastodonServer, went_out: bool, posts: int
) -> None:
    one.remembers_keys = False  # as GoToSocial: posting again is posting twice
    one.drop_next(POSTS, after_effect=True)
    two.fail_next(POSTS, status=429)
    async with connected(settings, one=one, two=two) as atlas:
        job_id = await post(atlas, "one", "two")
        job = await until_status(atlas, job_id, Status.FAILED)
        assert (job.outcome, len(one.statuses), len(two.statuses)) == ("unknown", 1, 0)
        await atlas.commands.resolve(job_id, went_out=went_out)
        job = await until_status(atlas, job_id, Status.COMPLETED)
        assert (len(one.statuses), len(two.statuses)) == (posts, 1)
        assert job.result
        assert [p["channel"] for p in job.result["posts"]] == ["one", "two"]
        assert SocialPost().result_line(job.result).text == "Posted to one, two"


async def test_a_confirmed_post_has_no_link_and_is_listed_all_the_same(settings: Settings, one: MastodonServer) -> None:
    one.drop_next(POSTS, after_effect=True)
    async with connected(settings, one=one) as atlas:
        job_id = await post(atlas, "one")
        await until_status(atlas, job_id, Status.FAILED)
        await atlas.commands.resolve(job_id, went_out=True)
        job = await until_status(atlas, job_id, Status.COMPLETED)
        line = SocialPost().result_line(job.result or {})
        assert (line.text, line.url) == ("Went out, as a person confirmed", None)


@pytest.mark.either
async def test_the_longest_wait_that_a_server_asks_for_counts(
    settings: Settings, one: MastodonServer, two: MastodonServer
) -> None:
    one.fail_next(POSTS, status=429, headers={"Retry-After": "60"})
    two.fail_next(POSTS, status=429, headers={"Retry-After": "600"})
    async with connected(settings, one=one, two=two) as atlas:
        job_id = await post(atlas, "one", "two")
        await until_status(atlas, job_id, Status.RUNNING)
        job = await until_status(atlas, job_id, Status.QUEUED)
        assert job.started_at is None
        assert job.due_at
        assert (job.due_at - job.created_at).total_seconds() > 590


@pytest.mark.either
async def test_a_text_that_is_too_long_for_a_channel_is_refused_with_its_limit(
    settings: Settings, one: MastodonServer
) -> None:
    async with connected(settings, one=one) as atlas:
        with pytest.raises(InvalidInput) as caught:
            await post(atlas, "one", "feed", text="x" * 501)
        assert [(fault.field, fault.message) for fault in caught.value.errors] == [
            ("payload.text", "Text has 501 characters, at most 500 are allowed on one")
        ]
        await until_status(atlas, await post(atlas, "feed", text="x" * 501), Status.COMPLETED)


@pytest.mark.either
async def test_a_channel_that_is_not_connected_is_refused_by_name(settings: Settings) -> None:
    async with connected(settings) as atlas:
        with pytest.raises(
            InvalidInput, match="Channels must be connected in Settings first; there is no channel 'News'"
        ):
            await post(atlas, "feed", "News")
        assert not await Job.exists()


async def test_a_channel_that_is_removed_while_the_job_waits_fails_it_with_what_to_do(
    settings: Settings, one: MastodonServer
) -> None:
    async with connected(settings, one=one) as atlas:
        job_id = (
            await atlas.commands.submit("SOCIAL_POST", {"text": "Hello", "channels": ["one"]}, requires_approval=True)
        ).id
        (channel,) = [channel for channel in await atlas.queries.channels() if channel.name == "one"]
        await atlas.administration.remove_channel(channel.id)
        with pytest.raises(Superseded, match="would do something else than was shown"):
            await atlas.reviews.approve(local(), job_id)
        await atlas.reviews.approve(local(), job_id)  # whoever looked again
        job = await until_status(atlas, job_id, Status.FAILED)
        assert job.error == "one: the channel one does not exist any more; connect it again in Settings"


@pytest.mark.either
async def test_naming_a_channel_twice_posts_once(settings: Settings, one: MastodonServer) -> None:
    async with connected(settings, one=one) as atlas:
        await until_status(atlas, await post(atlas, "one", " one "), Status.COMPLETED)
        assert len(one.statuses) == 1


@pytest.mark.either
async def test_an_image_is_kept_by_its_content_and_posted_with_its_description(
    stored: Settings, one: MastodonServer
) -> None:
    image = {"data": base64.b64encode(PNG).decode(), "alt": "A chart"}
    async with connected(stored, one=one) as atlas:
        job = await until_status(atlas, await post(atlas, "one", "feed", images=[image]), Status.COMPLETED)
        name = f"{hashlib.sha256(PNG).hexdigest()}.png"
        assert job.payload["images"] == [{"file": name, "alt": "A chart"}], "the content is not in the database"
        assert await open_storage(stored).get(f"files/{name}") == PNG
        ((media,),) = [status.media for status in one.statuses]
        assert (media.content, media.description, media.media_type) == (PNG, "A chart", "image/png")
        (entry,) = await atlas.queries.feed()
        assert [(kept["file"], kept["alt"]) for kept in entry.images] == [(name, "A chart")]
        again = await post(atlas, "feed", images=[{"file": name, "alt": "The same chart"}])
        await until_status(atlas, again, Status.COMPLETED)


@pytest.mark.either
@pytest.mark.parametrize(
    ("image", "field", "sentence"),
    [
        ({"data": "not base64!", "alt": "x"}, "images.0.data", "Images 1 must be base64"),
        (
            {"data": base64.b64encode(b"<svg/>").decode(), "alt": "x"},
            "images.0",
            "Images 1 must be one of gif, jpg, png",
        ),
        (
            {"data": base64.b64encode(PNG + bytes(2_000_000)).decode(), "alt": "x"},
            "images.0",
            "at most 2,000,000 bytes",
        ),
        ({"alt": "x"}, "images.0", "Images 1 must be base64 data, or a file of an earlier job"),
        ({"file": "0" * 64 + ".png", "alt": "x"}, "images.0", "Images 1 must be a stored file"),
        ({"file": "../secret.key", "alt": "x"}, "images.0.file", "Images 1 file"),
        ({"data": base64.b64encode(PNG).decode()}, "images.0.alt", "Images 1 alt is required"),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_an_image_that_cannot_be_posted_is_refused(
    settings: Settings, image: dict[str, Any], field: str, sentence: str
) -> None:
    async with connected(settings) as atlas:
        with pytest.raises(InvalidInput) as caught:
            await post(atlas, "feed", images=[image])
        (fault,) = caught.value.errors
        assert fault.field == f"payload.{field}"
        assert sentence in fault.message
