"""Mastodon: what is certain after each fault, how text is counted, and what is sent."""

from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from engine.channels.base import Connection, Image, Limits, Post
from engine.channels.http import retry_after
from engine.channels.mastodon import MastodonChannel
from engine.errors import AttemptError, OutcomeUnknown, PermanentError, TransientError
from tests.servers.mastodon import MastodonServer

PIXELS = b"\x89PNG\r\n\x1a\n and more"

STATUSES = "/api/v1/statuses"
ACCOUNT = "/api/v1/accounts/verify_credentials"
Script = Callable[[MastodonServer], object]


@pytest.fixture
def server() -> Iterator[MastodonServer]:
    with MastodonServer() as running:
        yield running


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=httpx.Timeout(5), trust_env=False) as client:
        yield client


def channel_at(url: str, http: httpx.AsyncClient, token: str = "token-of-alice") -> MastodonChannel:
    return MastodonChannel(Connection("News", url, {"access_token": token}), http)


@pytest.fixture
def channel(server: MastodonServer, http: httpx.AsyncClient) -> MastodonChannel:
    return channel_at(server.url, http)


@pytest.fixture
def picture() -> Image:
    return Image("picture.png", "image/png", "A red door", _pixels)


async def _pixels() -> bytes:
    return PIXELS


async def post(channel: MastodonChannel, text: str, *images: Image) -> str:
    prepared = await channel.prepare(Post(text, images))
    return (await channel.publish(prepared, channel.new_identity())).url


async def test_a_post_is_published_and_links_back(channel: MastodonChannel, server: MastodonServer) -> None:
    url = await post(channel, "Hello")
    assert [status.text for status in server.statuses] == ["Hello"]
    assert url == f"{server.url}/@alice/1"


async def test_a_second_try_with_the_same_identity_does_not_post_again(
    channel: MastodonChannel, server: MastodonServer
) -> None:
    identity = channel.new_identity()
    prepared = await channel.prepare(Post("Once"))
    server.drop_next(STATUSES, after_effect=True)
    with pytest.raises(OutcomeUnknown):
        await channel.publish(prepared, identity)
    posted = await channel.publish(prepared, identity)
    assert posted.id == "1"
    assert len(server.statuses) == 1


@pytest.mark.parametrize("polls", [0, 2], ids=["ready at once", "processed for a while"])
async def test_an_image_is_posted_with_its_alt_text(
    channel: MastodonChannel, server: MastodonServer, picture: Image, polls: int
) -> None:
    server.media_polls = polls
    await post(channel, "Look", picture)
    media = server.statuses[0].media[0]
    assert (media.description, media.media_type) == ("A red door", "image/png")
    assert media.content == PIXELS


async def test_an_image_that_is_never_processed_is_tried_again_later(
    channel: MastodonChannel, server: MastodonServer, picture: Image
) -> None:
    server.media_polls = 1000
    channel.media_patience_seconds = 0.1
    with pytest.raises(TransientError, match=r"has not processed an image after 0\.1 seconds"):
        await channel.prepare(Post("Look", (picture,)))


CUT = {"Content-Length": "999"}  # more than is sent

UNKNOWN: list[tuple[str, Script]] = [
    ("the answer takes too long", lambda s: s.hold_next(STATUSES, after_effect=True)),
    ("the line is cut after the post", lambda s: s.drop_next(STATUSES, after_effect=True)),
    ("the line is cut before the post", lambda s: s.drop_next(STATUSES, after_effect=False)),
    ("500", lambda s: s.fail_next(STATUSES, status=500)),
    ("502 after the post", lambda s: s.fail_next(STATUSES, status=502, after_effect=True)),
    ("503 with a time to wait", lambda s: s.fail_next(STATUSES, status=503, headers={"Retry-After": "9"})),
    (
        "an answer that is no JSON",
        lambda s: s.fail_next(STATUSES, status=200, body=b"<p>", after_effect=True),
    ),
    ("an answer without the post", lambda s: s.fail_next(STATUSES, status=200, json={}, after_effect=True)),
    ("an answer cut short", lambda s: s.fail_next(STATUSES, status=200, headers=CUT, after_effect=True)),
    ("an endless answer", lambda s: s.fail_next(STATUSES, status=200, body=b" " * 2_000_000)),
    ("deeply nested JSON", lambda s: s.fail_next(STATUSES, status=200, body=b"[" * 200_000)),
]
TRANSIENT: list[tuple[str, Script]] = [
    ("429", lambda s: s.fail_next(STATUSES, status=429, headers={"Retry-After": "60"})),
]
PERMANENT: list[tuple[str, Script]] = [
    ("400", lambda s: s.fail_next(STATUSES, status=400)),
    ("a token that was withdrawn", lambda s: s.tokens.clear()),
    ("403", lambda s: s.fail_next(STATUSES, status=403, json={"error": "outside the authorized scopes"})),
    ("404", lambda s: s.fail_next(STATUSES, status=404)),
    ("422", lambda s: s.fail_next(STATUSES, status=422, json={"error": "Validation failed"})),
    ("a refusal cut short", lambda s: s.fail_next(STATUSES, status=422, headers=CUT)),
    ("a redirect", lambda s: s.fail_next(STATUSES, status=302, headers={"Location": "https://b.example/x"})),
]
FAULTS: list[tuple[str, Script, type[AttemptError]]] = [
    *((name, script, OutcomeUnknown) for name, script in UNKNOWN),
    *((name, script, TransientError) for name, script in TRANSIENT),
    *((name, script, PermanentError) for name, script in PERMANENT),
]


@pytest.mark.parametrize(("script", "outcome"), [fault[1:] for fault in FAULTS], ids=[fault[0] for fault in FAULTS])
async def test_a_fault_while_publishing_says_what_is_certain(
    channel: MastodonChannel, server: MastodonServer, script: Script, outcome: type[AttemptError]
) -> None:
    prepared = await channel.prepare(Post("Hello"))
    script(server)
    with pytest.raises(AttemptError) as caught:
        await channel.publish(prepared, channel.new_identity())
    assert type(caught.value) is outcome
    assert str(caught.value).startswith(f"Mastodon at {server.url} ")
    assert len(server.asked(STATUSES)) == 1
    if outcome is not OutcomeUnknown:
        assert server.statuses == []


async def test_a_server_that_is_down_has_certainly_not_posted(http: httpx.AsyncClient) -> None:
    with MastodonServer() as server:
        pass
    channel = channel_at(server.url, http)
    with pytest.raises(TransientError, match=r"^Mastodon at http://127\S+ could not be reached: "):
        await channel.publish({"text": "Hello", "media_ids": []}, channel.new_identity())


PREPARING: list[tuple[str, Script, type[AttemptError]]] = [
    ("the line is cut", lambda s: s.drop_next("/api/v2/media", after_effect=True), TransientError),
    ("no answer in time", lambda s: s.hold_next("/api/v2/media", after_effect=False), TransientError),
    ("500", lambda s: s.fail_next("/api/v2/media", status=500), TransientError),
    ("429", lambda s: s.fail_next("/api/v2/media", status=429), TransientError),
    ("limits cannot be read", lambda s: s.fail_next("/api/v2/instance", status=502), TransientError),
    ("422", lambda s: s.fail_next("/api/v2/media", status=422), PermanentError),
    ("no JSON", lambda s: s.fail_next("/api/v2/media", status=200, body=b"<p>"), PermanentError),
]


@pytest.mark.parametrize(("script", "outcome"), [f[1:] for f in PREPARING], ids=[f[0] for f in PREPARING])
async def test_a_fault_while_preparing_is_always_certain(
    channel: MastodonChannel,
    server: MastodonServer,
    picture: Image,
    script: Script,
    outcome: type[AttemptError],
) -> None:
    script(server)
    with pytest.raises(AttemptError) as caught:
        await channel.prepare(Post("Look", (picture,)))
    assert type(caught.value) is outcome


async def test_a_refused_token_is_told_with_what_to_do(server: MastodonServer, http: httpx.AsyncClient) -> None:
    with pytest.raises(PermanentError) as caught:
        await channel_at(server.url, http, token="stolen-token").check()
    assert str(caught.value) == (
        f"Mastodon at {server.url} refused the access token (401): The access token is invalid. "
        "Create a new token there and connect the channel again."
    )


@pytest.mark.parametrize("token", ["", "two words", "tøken", "line\nbreak"])
async def test_a_token_that_cannot_be_sent_is_told_and_not_shown(
    server: MastodonServer, http: httpx.AsyncClient, token: str
) -> None:
    with pytest.raises(PermanentError, match="no usable access token is stored") as caught:
        await channel_at(server.url, http, token).check()
    assert not token or token not in str(caught.value)


async def test_a_server_that_repeats_the_token_does_not_get_it_shown(
    channel: MastodonChannel, server: MastodonServer
) -> None:
    server.fail_next(ACCOUNT, status=401, json={"error": "no such token: token-of-alice"})
    with pytest.raises(PermanentError, match="no such token: …") as caught:
        await channel.check()
    assert "token-of-alice" not in str(caught.value)


async def test_a_redirect_names_the_url_to_use(channel: MastodonChannel, server: MastodonServer) -> None:
    server.fail_next(ACCOUNT, status=301, headers={"Location": f"https://social.example{ACCOUNT}"})
    with pytest.raises(PermanentError, match=r"redirects \(301\) to https://social\.example; use that"):
        await channel.check()


async def test_a_url_that_is_none_is_told(http: httpx.AsyncClient) -> None:
    with pytest.raises(PermanentError, match="no usable URL"):
        await channel_at("social.example", http).check()


async def test_what_the_server_says_about_a_bad_post_is_passed_on(
    channel: MastodonChannel, server: MastodonServer
) -> None:
    prepared = await channel.prepare(Post(" "))
    with pytest.raises(PermanentError, match=r"refused the post \(422\): .*Text can't be blank\.$"):
        await channel.publish(prepared, channel.new_identity())


async def test_a_check_names_the_account_and_the_servers_own_limits(
    server: MastodonServer, http: httpx.AsyncClient
) -> None:
    server.characters, server.images, server.characters_per_link = 5000, 6, 30
    account = await channel_at(server.url + "/", http).check()
    assert account.name == f"@alice@127.0.0.1:{server.port}"
    assert account.limits == Limits(5000, images=6, image_bytes=16_000_000, characters_per_link=30)


async def test_an_older_server_tells_its_limits_the_older_way(channel: MastodonChannel, server: MastodonServer) -> None:
    server.only_v1, server.characters = True, 1234
    assert (await channel.check()).limits.characters == 1234


async def test_what_exceeds_a_limit_is_refused_before_anything_is_sent(
    channel: MastodonChannel, server: MastodonServer, picture: Image
) -> None:
    server.characters, server.images, server.image_bytes = 5, 1, 10
    with pytest.raises(PermanentError, match="Text has 6 characters, at most 5 are allowed on News"):
        await channel.prepare(Post("123456"))
    with pytest.raises(PermanentError, match="2 images, at most 1 are allowed on News"):
        await channel.prepare(Post("1", (picture, picture)))
    with pytest.raises(PermanentError, match="Image 1 has 17 bytes, at most 10 are allowed on News"):
        await channel.prepare(Post("1", (picture,)))
    assert server.media == []


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("", 0),
        ("naïve", 5),
        ("e\u0301", 1),  # a letter and its accent
        ("👩‍👩‍👧‍👦🇪🇺", 2),  # a family and a flag
        ("https://example.com", 23),
        ("https://example.com/" + "x" * 400, 23),
        ("Read https://example.com/a.", 5 + 23 + 1),
        ("(https://example.com/a_(b))", 1 + 23 + 1),
        ("http://localhost/" + "x" * 20, 37),  # Mastodon sees no link without a domain
        ("@bob@social.example hi", 7),
        ("me@mail.example", 15),
        ("https://example.com/@bob@social.example", 23),
    ],
)
def test_text_is_counted_as_mastodon_counts_it(channel: MastodonChannel, text: str, length: int) -> None:
    assert channel.length(text, Limits(500, characters_per_link=23)) == length


NOW = datetime(2030, 1, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "120"}, 120),
        ({"Retry-After": "Tue, 01 Jan 2030 12:00:30 GMT"}, 30),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "9" * 30}, None),
        ({"Retry-After": "99999999"}, 24 * 3600),  # nobody waits for years
        ({"X-RateLimit-Reset": "2030-01-01T12:05:00.000Z"}, 300),
        ({"X-RateLimit-Reset": "2030-01-01T11:00:00Z"}, 0),
        ({"RateLimit-Reset": str(int(NOW.timestamp()) + 45)}, 45),
    ],
)
def test_the_time_that_a_server_asks_to_wait_is_understood(headers: dict[str, Any], seconds: int | None) -> None:
    expected = None if seconds is None else timedelta(seconds=seconds)
    assert retry_after(httpx.Headers(headers), NOW) == expected


async def test_the_wait_that_the_server_asks_for_is_passed_on(channel: MastodonChannel, server: MastodonServer) -> None:
    server.fail_next(ACCOUNT, status=429, headers={"Retry-After": "77"})
    with pytest.raises(TransientError) as caught:
        await channel.check()
    assert caught.value.retry_after is not None
    assert timedelta(seconds=76) < caught.value.retry_after <= timedelta(seconds=77)
