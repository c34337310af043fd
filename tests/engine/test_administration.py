"""Channels: what is kept, what is refused, and that secrets stay secret."""

from typing import Any

import pytest
from pydantic import SecretStr

from engine.engine import Atlas
from engine.errors import InvalidInput, NotFound
from engine.events import ChannelsChanged
from engine.settings import Settings
from models.channel import Channel
from tests.servers.atproto import AtprotoServer
from tests.servers.mastodon import MastodonServer
from tests.support.engine import Recorder
from tests.support.other_program import everything_stored

pytestmark = pytest.mark.usefixtures("database")

TOKEN = {"access_token": "token-of-alice"}


@pytest.fixture
def atlas(settings: Settings) -> Atlas:
    return Atlas(settings)


async def test_connecting_a_channel_asks_its_server_who_we_are(atlas: Atlas) -> None:
    heard = Recorder(atlas)
    with MastodonServer() as server:
        server.characters = 777
        channel = await atlas.administration.connect_channel("News", "mastodon", f"{server.url}/", TOKEN)
        host = server.url.removeprefix("http://")
    assert (channel.name, channel.kind, channel.url, channel.fault) == ("News", "mastodon", server.url, None)
    assert channel.account == f"@alice@{host}"
    assert channel.limits
    assert channel.limits["characters"] == 777
    assert channel.tested_at
    assert ChannelsChanged() in heard.events


@pytest.mark.either
async def test_a_server_that_refuses_is_shown_with_the_channel_and_can_be_tested_again(atlas: Atlas) -> None:
    with MastodonServer() as server:
        channel = await atlas.administration.connect_channel("News", "mastodon", server.url, {"access_token": "bad"})
        assert "access token is invalid" in (channel.fault or "")
        assert channel.account is None
        server.tokens["bad"] = "alice"
        assert (await atlas.administration.test_channel(channel.id)).fault is None


@pytest.mark.either
async def test_a_server_that_is_not_there_is_told_as_a_fault_with_its_name(atlas: Atlas) -> None:
    with MastodonServer() as server:
        url = server.url
    channel = await atlas.administration.connect_channel("News", "mastodon", url, TOKEN)
    assert url.removeprefix("http://") in (channel.fault or "")


@pytest.mark.either
async def test_bluesky_signs_in_with_its_app_password(atlas: Atlas) -> None:
    with AtprotoServer() as server:
        credentials = {"handle": server.handle, "app_password": server.password}
        channel = await atlas.administration.connect_channel("Sky", "bluesky", server.url, credentials)
    assert (channel.fault, channel.account) == (None, "@alice.test")


async def test_credentials_and_sessions_are_nowhere_in_the_database(atlas: Atlas, settings: Settings) -> None:
    with MastodonServer() as server, AtprotoServer() as sky:
        await atlas.administration.connect_channel("News", "mastodon", server.url, TOKEN)
        credentials = {"handle": sky.handle, "app_password": sky.password}
        await atlas.administration.connect_channel("Sky", "bluesky", sky.url, credentials)
    sessions = await Channel.exclude(session=None).count()
    stored = everything_stored(settings.database)
    assert "News" in stored, "this is the right place to look"
    assert sessions == 1
    for secret in ("token-of-alice", sky.password, "access-1", "refresh-1"):
        assert secret not in stored


async def test_a_name_can_be_used_once(atlas: Atlas) -> None:
    await atlas.administration.connect_channel("News", "feed")
    with pytest.raises(InvalidInput, match="name must be new, and there is a channel 'News' already"):
        await atlas.administration.connect_channel("News", "feed")


@pytest.mark.either
@pytest.mark.parametrize(
    ("asked", "fields"),
    [
        ({"name": ""}, ["name"]),
        ({"name": " News"}, ["name"]),
        ({"name": "a\nb"}, ["name"]),
        ({"name": "News\n"}, ["name"]),
        ({"name": "x" * 65}, ["name"]),
        ({"name": "<b>"}, ["name"]),
        ({"kind": "fax"}, ["kind"]),
        ({"url": ""}, ["url"]),
        ({"url": "social.example"}, ["url"]),
        ({"url": "ftp://social.example"}, ["url"]),
        ({"url": "javascript:alert(1)"}, ["url"]),
        ({"url": "https://user:password@social.example"}, ["url"]),
        ({"url": "https://"}, ["url"]),
        ({"url": "https://" + "x" * 500}, ["url"]),
        ({"credentials": {}}, ["credentials.access_token"]),
        ({"credentials": {"access_token": ""}}, ["credentials.access_token"]),
        ({"credentials": {"access_token": 7}}, ["credentials.access_token"]),
        ({"credentials": {"access_token": "x" * 2001}}, ["credentials.access_token"]),
        ({"credentials": {**TOKEN, "password": "x"}}, ["credentials.password"]),
        ({"kind": "bluesky"}, ["credentials.handle", "credentials.app_password", "credentials.access_token"]),
        ({"name": "", "url": ""}, ["name", "url"]),
    ],
    ids=str,
)
async def test_a_channel_that_breaks_a_rule_is_refused_by_field(
    atlas: Atlas, asked: dict[str, Any], fields: list[str]
) -> None:
    usual = {"name": "News", "kind": "mastodon", "url": "https://social.example", "credentials": TOKEN}
    with pytest.raises(InvalidInput) as caught:
        await atlas.administration.connect_channel(**{**usual, **asked})
    assert [fault.field for fault in caught.value.errors] == fields
    assert not await Channel.exists()


@pytest.mark.either
@pytest.mark.parametrize("what", ["remove_channel", "test_channel"])
async def test_a_channel_that_does_not_exist_is_not_found(atlas: Atlas, what: str) -> None:
    with pytest.raises(NotFound, match="there is no channel 7"):
        await getattr(atlas.administration, what)(7)


@pytest.mark.either
async def test_a_new_secret_key_is_told_where_the_channel_is_tested(atlas: Atlas, settings: Settings) -> None:
    with MastodonServer() as server:
        channel = await atlas.administration.connect_channel("News", "mastodon", server.url, TOKEN)
        (settings.data_dir / "secret.key").unlink()
        other = Atlas(Settings(data_dir=settings.data_dir, secret_key=SecretStr("another key")))
        assert "JOB_RUNNER_SECRET_KEY" in ((await other.administration.test_channel(channel.id)).fault or "")
