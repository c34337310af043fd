"""A content hash stands for what a job would do, however a database gives it back."""

from typing import Any

import pytest

from engine import clock
from models.channel import Channel
from models.content import content_hash, content_hashes
from models.database import transaction
from models.job import Job, NewJob, insert_jobs
from models.states import Category, Priority
from tests.support.engine import stored_job

pytestmark = pytest.mark.usefixtures("database")

ODD: list[dict[str, Any]] = [
    {"text": "Grüße, 世界 🎉", "list": [1, 2.5, True, None], "nested": {"b": 1, "a": {"c": []}}},
    {"number": 1e3, "small": 1e-9, "zero": -0.0, "large": 1e20, "whole": 7.0},
    {"nul": "a\0b", "half": "\ud800", "": "no name"},
    {},
]


@pytest.mark.parametrize("payload", ODD, ids=["words", "numbers", "unstorable", "nothing"])
async def test_what_comes_back_from_the_database_has_the_hash_of_what_went_in(payload: dict[str, Any]) -> None:
    new = NewJob("T", Category.TASK, "n", "", Priority.LOW, payload, None, "c", clock.now(), None, 1, None, None)
    async with transaction() as writer:
        (job_id,) = await insert_jobs(writer, [new])
    assert await content_hash("T", (await Job.get(id=job_id)).payload) == await content_hash("T", payload)


async def test_any_change_gives_another_hash() -> None:
    hashes = [
        *(
            await content_hashes(
                [("A", {"a": 1}), ("B", {"a": 1}), ("A", {"a": 2}), ("A", {"a": "1"}), ("A", {"b": 1})]
            )
        ),
        *(await content_hashes([("A", {"a": [1, 2]}), ("A", {"a": [2, 1]}), ("A", {"a": None}), ("A", {})])),
    ]
    assert len(set(hashes)) == len(hashes)


async def test_the_order_of_fields_changes_nothing() -> None:
    assert await content_hash("A", {"a": 1, "b": 2}) == await content_hash("A", {"b": 2, "a": 1})


async def test_where_a_channel_leads_is_part_of_it() -> None:
    payload = {"text": "Hello", "channels": ["news"]}
    hashes = [await content_hash("A", payload)]
    for url in ("https://one.example", "https://two.example", "https://two.example"):
        await Channel.filter(name="news").delete()
        await Channel.create(name="news", kind="mastodon", url=url, created_at=clock.now())
        hashes.append(await content_hash("A", payload))
    assert len(set(hashes)) == 4, "none, one, another, and another account under the same name and address"
    await Channel.filter(name="news").update(tested_at=clock.now(), fault="down", account="@ada")
    assert await content_hash("A", payload) == hashes[-1], "what its server said of it changes nothing"


async def test_a_payload_whose_channels_are_no_names_has_a_hash() -> None:
    job = await stored_job(payload={"channels": {"a": 1}})
    assert len(await content_hash("A", job.payload)) == 64
    assert await content_hash("A", {"channels": [1, None]}) != await content_hash("A", {"channels": [1]})
