"""Bluesky: what is certain after each fault, sign-ins, and what becomes of links, mentions and tags."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from engine.channels.base import Connection, Image, Post, Posted
from engine.channels.bluesky import LIMITS, BlueskyChannel, Session, TidClock
from engine.channels.richtext import find_features
from engine.errors import AttemptError, OutcomeUnknown, PermanentError, TransientError
from tests.servers.atproto import AtprotoServer

PIXELS = b"\x89PNG\r\n\x1a\n and more"

PUT = "/xrpc/com.atproto.repo.putRecord"
GET = "/xrpc/com.atproto.repo.getRecord"
SIGN_IN = "/xrpc/com.atproto.server.createSession"
REFRESH = "/xrpc/com.atproto.server.refreshSession"
UPLOAD = "/xrpc/com.atproto.repo.uploadBlob"
PASSWORD = "abcd-efgh-ijkl-mnop"
Script = Callable[[AtprotoServer], object]


class Account:
    """A connected channel as the database keeps it: each `open` is like a new start of the program."""

    def __init__(self, url: str, http: httpx.AsyncClient, password: str = PASSWORD) -> None:
        self.session: dict[str, Any] | None = None
        self._url, self._http, self._password = url, http, password

    def open(self) -> BlueskyChannel:
        credentials = {"handle": "@alice.test", "app_password": self._password}
        return BlueskyChannel(Connection("News", self._url, credentials, self.session, self._keep), self._http)

    async def _keep(self, session: dict[str, Any]) -> None:
        self.session = session


@pytest.fixture
def server() -> Iterator[AtprotoServer]:
    with AtprotoServer() as running:
        yield running


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=httpx.Timeout(5), trust_env=False) as client:
        yield client


@pytest.fixture
def account(server: AtprotoServer, http: httpx.AsyncClient) -> Account:
    return Account(server.url, http)


@pytest.fixture
def channel(account: Account) -> BlueskyChannel:
    return account.open()


@pytest.fixture
def picture() -> Image:
    return Image("picture.png", "image/png", "A red door", _pixels)


async def _pixels() -> bytes:
    return PIXELS


async def post(channel: BlueskyChannel, text: str, *images: Image) -> Posted:
    prepared = await channel.prepare(Post(text, images))
    return await channel.publish(prepared, channel.new_identity())


async def test_a_post_is_published_and_links_back(channel: BlueskyChannel, server: AtprotoServer) -> None:
    prepared, identity = await channel.prepare(Post("Hello")), channel.new_identity()
    posted = await channel.publish(prepared, identity)
    assert server.posts == [{"$type": "app.bsky.feed.post", "text": "Hello", "createdAt": identity["created_at"]}]
    assert posted.url == f"https://bsky.app/profile/alice.test/post/{identity['rkey']}"
    assert posted.id == f"at://{server.did}/app.bsky.feed.post/{identity['rkey']}"


async def test_a_second_try_with_the_same_identity_does_not_post_again(
    channel: BlueskyChannel, server: AtprotoServer
) -> None:
    prepared, identity = await channel.prepare(Post("Once")), channel.new_identity()
    first = await channel.publish(prepared, identity)
    assert await channel.publish(prepared, identity) == first
    assert len(server.posts) == 1


async def test_an_image_is_posted_with_its_alt_text(
    channel: BlueskyChannel, server: AtprotoServer, picture: Image
) -> None:
    await post(channel, "Look", picture)
    [image] = server.posts[0]["embed"]["images"]
    assert image["alt"] == "A red door"
    assert server.blobs[image["image"]["ref"]["$link"]] == ("image/png", PIXELS)


LOST: list[tuple[str, Callable[[AtprotoServer, bool], object]]] = [
    ("the answer takes too long", lambda s, done: s.hold_next(PUT, after_effect=done)),
    ("the line is cut", lambda s, done: s.drop_next(PUT, after_effect=done)),
    ("500", lambda s, done: s.fail_next(PUT, status=500, after_effect=done)),
    ("503", lambda s, done: s.fail_next(PUT, status=503, headers={"Retry-After": "9"}, after_effect=done)),
    ("no JSON", lambda s, done: s.fail_next(PUT, status=200, body=b"<p>", after_effect=done)),
]
lost = pytest.mark.parametrize("lose", [fault[1] for fault in LOST], ids=[fault[0] for fault in LOST])


@lost
async def test_a_post_whose_answer_is_lost_is_found(
    channel: BlueskyChannel, server: AtprotoServer, lose: Callable[[AtprotoServer, bool], object]
) -> None:
    lose(server, True)
    posted = await post(channel, "Hello")
    assert [posted.id] == list(server.records)


@lost
async def test_a_post_that_is_not_there_may_be_tried_again(
    channel: BlueskyChannel, server: AtprotoServer, lose: Callable[[AtprotoServer, bool], object]
) -> None:
    lose(server, False)
    with pytest.raises(TransientError, match=r"^Bluesky at http\S+ did not publish the post: "):
        await post(channel, "Hello")
    assert server.posts == []


@pytest.mark.parametrize(
    "hinder",
    [
        lambda s: s.drop_next(GET, after_effect=False),
        lambda s: s.fail_next(GET, status=500),
        lambda s: s.fail_next(GET, status=400, json={"error": "InvalidRequest"}),
        lambda s: s.fail_next(GET, status=404),
        lambda s: s.fail_next(GET, status=200, body=b"<p>"),
    ],
    ids=["the line is cut", "500", "400 for another reason", "404", "no JSON"],
)
async def test_a_lost_answer_that_cannot_be_looked_up_stays_unknown(
    channel: BlueskyChannel, server: AtprotoServer, hinder: Script
) -> None:
    server.drop_next(PUT, after_effect=True)
    hinder(server)
    with pytest.raises(OutcomeUnknown, match=r"the connection was lost\. Look there before posting again"):
        await post(channel, "Hello")


@pytest.mark.parametrize(
    ("script", "outcome"),
    [
        (lambda s: s.fail_next(PUT, status=429, headers={"RateLimit-Reset": "1"}), TransientError),
        (lambda s: s.fail_next(PUT, status=400, json={"error": "InvalidRequest"}), PermanentError),
        (lambda s: s.fail_next(PUT, status=403, json={"error": "AccountTakedown"}), PermanentError),
        (lambda s: s.fail_next(PUT, status=307, headers={"Location": "https://b.example"}), PermanentError),
    ],
    ids=["429", "400", "403", "a redirect"],
)
async def test_a_refused_post_has_certainly_not_happened(
    channel: BlueskyChannel, server: AtprotoServer, script: Script, outcome: type[AttemptError]
) -> None:
    script(server)
    with pytest.raises(AttemptError) as caught:
        await post(channel, "Hello")
    assert type(caught.value) is outcome
    assert server.posts == []
    assert server.asked(GET) == []


async def test_a_server_that_is_down_has_certainly_not_posted(http: httpx.AsyncClient) -> None:
    with AtprotoServer() as server:
        account = Account(server.url, http)
        await account.open().check()
    with pytest.raises(TransientError, match=r"^Bluesky at http\S+ could not be reached: "):
        await account.open().publish({"text": "Hello"}, account.open().new_identity())


PREPARING: list[tuple[str, Script, type[AttemptError]]] = [
    ("the line is cut", lambda s: s.drop_next(UPLOAD, after_effect=True), TransientError),
    ("500", lambda s: s.fail_next(UPLOAD, status=500), TransientError),
    ("429 at the sign-in", lambda s: s.fail_next(SIGN_IN, status=429), TransientError),
    ("no answer to the sign-in", lambda s: s.hold_next(SIGN_IN, after_effect=True), TransientError),
    ("a blob that is too large", lambda s: s.fail_next(UPLOAD, status=413), PermanentError),
    ("an upload without a blob", lambda s: s.fail_next(UPLOAD, status=200, json={"a": 1}), PermanentError),
    ("no session", lambda s: s.fail_next(SIGN_IN, status=200, json={"did": "did:x"}), PermanentError),
]


@pytest.mark.parametrize(("script", "outcome"), [f[1:] for f in PREPARING], ids=[f[0] for f in PREPARING])
async def test_a_fault_while_preparing_is_always_certain(
    channel: BlueskyChannel,
    server: AtprotoServer,
    picture: Image,
    script: Script,
    outcome: type[AttemptError],
) -> None:
    script(server)
    with pytest.raises(AttemptError) as caught:
        await channel.prepare(Post("Look", (picture,)))
    assert type(caught.value) is outcome


async def test_a_refused_password_is_told_with_what_to_do_and_not_shown(
    server: AtprotoServer, http: httpx.AsyncClient
) -> None:
    with pytest.raises(PermanentError) as caught:
        await Account(server.url, http, password="hunter2hunter2").open().check()
    assert str(caught.value) == (
        f"Bluesky at {server.url} refused the sign-in (401): Invalid identifier or password. "
        "Create a new app password there and connect the channel again."
    )


async def test_a_check_names_the_account_and_the_limits(channel: BlueskyChannel) -> None:
    account = await channel.check()
    assert (account.name, account.limits) == ("@alice.test", LIMITS)


async def test_a_kept_session_is_used_instead_of_signing_in(account: Account, server: AtprotoServer) -> None:
    await account.open().check()
    await account.open().check()
    assert (server.sign_ins, server.refreshes) == (1, 0)


async def test_an_expired_session_is_refreshed_and_the_post_is_made_once(
    account: Account, server: AtprotoServer
) -> None:
    await account.open().check()
    server.expire_access()
    await post(account.open(), "Hello")
    await account.open().check()
    assert (server.sign_ins, server.refreshes, len(server.posts)) == (1, 1, 1)


async def test_a_session_that_cannot_be_refreshed_is_replaced(account: Account, server: AtprotoServer) -> None:
    await account.open().check()
    server.expire_access()
    server.expire_refresh()
    await account.open().check()
    assert server.sign_ins == 2


async def test_a_fault_while_refreshing_costs_no_sign_in(account: Account, server: AtprotoServer) -> None:
    await account.open().check()
    server.expire_access()
    server.fail_next(REFRESH, status=503)
    with pytest.raises(TransientError, match="503"):
        await account.open().check()
    assert server.sign_ins == 1


async def test_callers_at_the_same_time_sign_in_once(account: Account, server: AtprotoServer) -> None:
    channel = account.open()
    await asyncio.gather(*(channel.check() for _ in range(5)))
    server.expire_access()
    await asyncio.gather(*(channel.check() for _ in range(5)))
    assert (server.sign_ins, server.refreshes) == (1, 1)


async def test_a_channel_and_its_session_show_no_secrets(account: Account) -> None:
    channel = account.open()
    await channel.check()
    kept = account.session or {}
    shown = f"{channel!r} {Session.of(kept)!r} {Connection('News', '', {'app_password': PASSWORD}, kept)!r}"
    assert "alice.test" in shown
    assert not any(secret in shown for secret in (kept["accessJwt"], kept["refreshJwt"], PASSWORD))


async def test_what_exceeds_a_limit_is_refused_before_anything_is_sent(
    channel: BlueskyChannel, server: AtprotoServer, picture: Image
) -> None:
    with pytest.raises(PermanentError, match="Text has 301 characters, at most 300 are allowed on News"):
        await channel.prepare(Post("x" * 301))
    with pytest.raises(PermanentError, match=r"Text has 3,\d+ bytes, at most 3,000 are allowed on News"):
        await channel.prepare(Post("👩‍👩‍👧‍👦" * 121))
    with pytest.raises(PermanentError, match="5 images, at most 4 are allowed on News"):
        await channel.prepare(Post("x", (picture,) * 5))
    assert server.requests == []


async def test_links_mentions_and_tags_are_marked_by_bytes(channel: BlueskyChannel, server: AtprotoServer) -> None:
    text = "Grüße 👋 @alice.test und @nobody.test: https://example.com/ä. #Straße"
    await post(channel, text)
    marked = [
        (text.encode()[facet["index"]["byteStart"] : facet["index"]["byteEnd"]].decode(), facet["features"])
        for facet in server.posts[0]["facets"]
    ]
    kind = "app.bsky.richtext.facet"
    assert marked == [
        ("@alice.test", [{"$type": f"{kind}#mention", "did": server.did}]),
        ("https://example.com/ä", [{"$type": f"{kind}#link", "uri": "https://example.com/ä"}]),
        ("#Straße", [{"$type": f"{kind}#tag", "tag": "Straße"}]),
    ]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("see https://example.com.", ["https://example.com"]),
        ("(https://example.com/a)", ["https://example.com/a"]),
        ("https://example.com/a_(b), c", ["https://example.com/a_(b)"]),
        ("[https://example.com/?q=1]!", ["https://example.com/?q=1"]),
        ("HTTPS://EXAMPLE.COM/#top", ["HTTPS://EXAMPLE.COM/#top"]),
        ("https:// and https://...", []),
        ("ftp://example.com", []),
        ("(@alice.test)", ["@alice.test"]),
        ("@Alice.Test.", ["@Alice.Test"]),
        ("@alice", []),
        ("me@alice.test", []),
        ("@alice.test@social.example", []),
        ("https://example.com/@alice.test", ["https://example.com/@alice.test"]),
        ("#one, #2nd #3 #", ["#one", "#2nd"]),
        ("#हिन्दी!", ["#हिन्दी"]),  # a tag may end in a vowel sign
        ("#" + "x" * 65, []),
        ("a#b", []),
    ],
)
def test_only_links_mentions_and_tags_are_found(text: str, found: list[str]) -> None:
    assert [text[feature.start : feature.end] for feature in find_features(text)] == found


def test_tids_rise_even_within_one_microsecond() -> None:
    tids = TidClock()
    moment = datetime(2030, 1, 1, tzinfo=UTC)
    given = [tids.next(moment) for _ in range(1000)]
    assert given == sorted(set(given))
    assert {len(tid) for tid in given} == {13}


def test_a_tid_holds_the_time() -> None:
    moment = datetime(2030, 1, 1, 12, 30, 0, 123456, tzinfo=UTC)
    number = 0
    for character in TidClock().next(moment):
        number = number * 32 + "234567abcdefghijklmnopqrstuvwxyz".index(character)
    assert datetime.fromtimestamp((number >> 10) / 1_000_000, UTC) == moment
