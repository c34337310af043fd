"""The knowledge base: a job publishes once, versions follow each other, and words find what has them."""

import asyncio
from typing import Any

import pytest

from engine import knowledge
from engine.errors import LeaseLost, NotFound
from engine.knowledge import Text
from models.ending import Lease
from models.job import Job
from models.states import Status
from tests.support.engine import stored_job

pytestmark = pytest.mark.usefixtures("database")


async def published(slug: str, title: str, text: str, *tags: str, **columns: Any) -> int:
    lease = await a_lease(**columns)
    return await knowledge.publish(lease, Text(slug, title, tags, f"# {title}\n\n{text}", f"{title}\n{text}"))


async def a_lease(**columns: Any) -> Lease:
    job = await stored_job(status=Status.RUNNING, attempt=1, lease_token="t", **columns)
    return Lease(job.id, 1, "t")


async def test_the_next_text_of_an_article_is_its_next_version_and_the_former_ones_stay() -> None:
    assert await published("how", "How we work", "Every week", "process", created_by="ada") == 1
    assert await published("how", "How we work now", "Every day", created_by="bob") == 2
    (found,) = await knowledge.search()
    assert (found.slug, found.title, found.tags, found.version) == ("how", "How we work now", (), 2)
    first, latest = await knowledge.version("how", 1), await knowledge.version("how")
    assert (first.title, first.tags, first.created_by, first.latest) == ("How we work", ("process",), "ada", 2)
    assert (latest.number, latest.body) == (2, "# How we work now\n\nEvery day")
    assert [version.number for version in await knowledge.versions("how")] == [2, 1]


async def test_a_job_that_is_tried_again_publishes_nothing_a_second_time() -> None:
    lease = await a_lease()
    for _ in range(3):
        assert await knowledge.publish(lease, Text("once", "Once", [], "text", "text")) == 1
    assert len(await knowledge.versions("once")) == 1


@pytest.mark.parametrize(
    "change", [{"status": Status.CANCELLED}, {"lease_token": "another's"}, {"attempt": 2}], ids=lambda each: str(each)
)
async def test_an_attempt_that_lost_its_job_meanwhile_publishes_nothing(change: dict[str, Any]) -> None:
    lease = await a_lease()
    await Job.filter(id=lease.job_id).update(**change)
    with pytest.raises(LeaseLost):
        await knowledge.publish(lease, Text("never", "Never", [], "text", "text"))
    assert await knowledge.search() == []


async def test_many_at_once_each_get_a_version_of_their_own() -> None:
    numbers = await asyncio.gather(*(published("busy", f"Busy {number}", "text") for number in range(5)))
    assert sorted(numbers) == [1, 2, 3, 4, 5]


async def test_words_find_the_latest_versions_that_have_all_of_them_the_best_first() -> None:
    await published("tone", "Tone of voice", "We write short mails, and mails are signed")
    await published("mail", "Mail", "How mails are written", "brand")
    await published("old", "Old", "mails mails mails")
    await published("old", "Old", "nothing any more")
    await published("we", "Über uns", "Ein Satz")
    assert [found.slug for found in await knowledge.search("über")] == ["we"]
    assert [found.slug for found in await knowledge.search("ÜBER SATZ")] == ["we"]
    assert [found.slug for found in await knowledge.search("MAIL")] == ["mail", "tone"]
    assert [found.slug for found in await knowledge.search("mails signed")] == ["tone"]
    assert await knowledge.search("mails nothing") == []
    assert [found.slug for found in await knowledge.search(tag="brand")] == ["mail"]
    assert [found.slug for found in await knowledge.search("%'\"")] == ["we", "old", "mail", "tone"]


async def test_an_article_with_many_versions_hides_no_other() -> None:
    await published("quiet", "Quiet", "text")
    for number in range(20):
        await published("busy", "Busy", f"text {number}")
    assert [found.slug for found in await knowledge.search(limit=2)] == ["busy", "quiet"]


async def test_the_place_where_the_words_stand_is_shown() -> None:
    await published("long", "Long", f"{'before ' * 100}needle{' after' * 100}")
    (found,) = await knowledge.search("needle")
    assert "needle" in found.snippet
    assert found.snippet.startswith("…")
    assert found.snippet.endswith("…")
    assert len(found.snippet) <= knowledge.SNIPPET + 2


async def test_what_is_not_there_is_told() -> None:
    with pytest.raises(NotFound, match="article"):
        await knowledge.versions("none")
    await published("one", "One", "text")
    with pytest.raises(NotFound, match="version"):
        await knowledge.version("one", 7)


@pytest.mark.parametrize(
    ("title", "slug"),
    [("How we work", "how-we-work"), ("Größe & Ruhm!", "größe-ruhm"), ("???", "article"), ("", "article")],
)
def test_an_article_gets_its_address_from_its_title(title: str, slug: str) -> None:
    assert knowledge.slug_of(title) == slug
