"""Channels through the programs' door: credentials go in and never come out."""

import uuid
from typing import Any

import pytest

from tests.api.test_jobs import assert_problem
from tests.servers.mastodon import MastodonServer
from tests.support.server import JobRunner

TOKEN = "a-token-that-nobody-may-read"


def test_a_channel_is_connected_tested_and_removed_and_never_shows_its_credentials(runner: JobRunner) -> None:
    name = uuid.uuid4().hex
    with MastodonServer(token=TOKEN) as server:
        body = {"name": name, "kind": "mastodon", "url": server.url, "credentials": {"access_token": TOKEN}}
        created = runner.http.post("/api/v1/channels", json=body)
        channel = created.json()
        assert (created.status_code, created.headers["location"]) == (201, f"/api/v1/channels/{channel['id']}")
        assert (channel["name"], channel["kind"], channel["url"], channel["fault"]) == (
            name,
            "mastodon",
            server.url,
            None,
        )
        tested = runner.http.post(f"/api/v1/channels/{channel['id']}/test")
        listed = runner.http.get("/api/v1/channels")
        server.tokens.clear()
        refused = runner.http.post(f"/api/v1/channels/{channel['id']}/test")
    assert tested.status_code == 200
    assert tested.json()["tested_at"] > channel["tested_at"]
    assert "access token is invalid" in refused.json()["fault"]
    assert name in [item["name"] for item in listed.json()["items"]]
    for answer in (created, tested, listed, refused):
        assert TOKEN not in answer.text
        assert "credentials" not in answer.text
        assert "session" not in answer.text
    assert TOKEN not in runner.output
    assert runner.http.delete(f"/api/v1/channels/{channel['id']}").status_code == 204
    assert name not in runner.http.get("/api/v1/channels").text
    assert_problem(runner.http.delete(f"/api/v1/channels/{channel['id']}"), 404)
    assert_problem(runner.http.post(f"/api/v1/channels/{channel['id']}/test"), 404)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"kind": "fax"}, "kind"),
        ({"name": ""}, "name"),
        ({"name": "feed"}, "name"),
        ({"kind": "mastodon"}, "url"),
        ({"credentials": {"token": TOKEN}}, "credentials.token"),
        ({"credentials": TOKEN}, "credentials"),
        ({"colour": "red"}, "colour"),
        ({"url": None}, "url"),
    ],
    ids=str,
)
def test_a_bad_channel_is_answered_with_422_and_no_word_of_its_credentials(
    runner: JobRunner, body: dict[str, Any], field: str
) -> None:
    answer = runner.http.post("/api/v1/channels", json={"name": uuid.uuid4().hex, "kind": "feed", **body})
    problem = assert_problem(answer, 422)
    assert problem["errors"][0]["field"] == field
    assert TOKEN not in answer.text


def test_the_feed_is_there_from_the_start(runner: JobRunner) -> None:
    items = runner.http.get("/api/v1/channels").json()["items"]
    assert [(item["kind"], item["fault"]) for item in items if item["name"] == "feed"] == [("feed", None)]
