"""Where requests may go: out to the internet, whatever a name resolves to, and however an address is dressed."""

import ipaddress
from collections.abc import Callable

import httpcore
import httpx
import pytest

from engine.outbound import Allowed, Forbidden, allowed, http_client, undressed
from engine.settings import Settings
from models.person import Person
from tests.servers.mastodon import MastodonServer
from tests.support.engine import changed

PRIVATE = [
    "127.0.0.1",
    "127.9.9.9",
    "0.0.0.0",
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "169.254.169.254",  # cloud metadata
    "100.64.0.1",  # carrier-grade NAT
    "192.0.0.1",
    "192.0.2.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fe80::1",
    "fe80::1%eth0",
    "fc00::1",
    "fec0::1",
    "fd00:ec2::254",  # cloud metadata
    "ff02::1",
    "2001:db8::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "::127.0.0.1",
    "64:ff9b::10.0.0.1",
    "64:ff9b::a9fe:a9fe",
    "2002:7f00:1::",  # 6to4 of 127.0.0.1
    "2002:a00:1::",
]
PUBLIC = ["93.184.216.34", "1.1.1.1", "2606:4700:4700::1111", "::ffff:1.1.1.1", "64:ff9b::1.1.1.1"]


@pytest.mark.parametrize("address", PRIVATE)
def test_addresses_of_private_networks_are_refused_in_any_dress(address: str) -> None:
    fault = Allowed().fault("news.example", [address])
    assert fault
    assert f"news.example is {address}, an address of a private network" in fault
    assert "JOB_RUNNER_ALLOW_PRIVATE_URLS" in fault


@pytest.mark.parametrize("address", PUBLIC)
def test_addresses_of_the_internet_are_reached(address: str) -> None:
    assert Allowed().fault("news.example", [address]) is None


def test_one_private_address_among_public_ones_is_one_too_many() -> None:
    assert Allowed().fault("news.example", ["1.1.1.1", "10.0.0.1"])


def test_a_teredo_address_is_that_of_the_client_behind_it() -> None:
    assert str(undressed(ipaddress.ip_address("2001:0:4136:e378:8000:63bf:3fff:fdd2"))) == "192.0.2.45"


@pytest.mark.parametrize(
    ("named", "host", "address", "reached"),
    [
        ("10.0.0.0/8", "social.internal", "10.1.2.3", True),
        ("10.0.0.0/8", "social.internal", "::ffff:10.1.2.3", True),
        ("10.0.0.0/8", "social.internal", "192.168.0.1", False),
        ("social.internal", "social.internal", "192.168.0.1", True),
        ("social.internal", "SOCIAL.internal", "192.168.0.1", True),
        ("social.internal", "other.internal", "192.168.0.1", False),
        ("127.0.0.1", "localhost", "127.0.0.1", True),
        ("fd00::/8 10.0.0.7", "x", "fd00::7", True),
    ],
)
async def test_what_is_named_may_be_reached(
    settings: Settings, database: None, named: str, host: str, address: str, reached: bool
) -> None:
    where = await allowed(changed(settings, host="0.0.0.0", allow_private_urls=named))
    assert (where.fault(host, [address]) is None) is reached


async def test_a_laptop_reaches_itself_as_long_as_nobody_signs_in(settings: Settings, database: None) -> None:
    assert (await allowed(settings)).fault("localhost", ["127.0.0.1"]) is None
    assert (await allowed(settings)).fault("router", ["192.168.0.1"]), "but not its network"
    assert (await allowed(changed(settings, host="0.0.0.0"))).fault("localhost", ["127.0.0.1"])
    await Person.create(name="admin", password_hash="x", created_at="2026-01-01T00:00:00Z")
    assert (await allowed(settings)).fault("localhost", ["127.0.0.1"])


def resolving(*answers: list[str]) -> Callable[..., object]:
    """A resolver that says something else each time."""
    left = list(answers)

    async def resolve(host: str, port: int) -> list[str]:
        return left.pop(0)

    return resolve


async def test_a_request_to_a_private_address_never_leaves() -> None:
    with MastodonServer() as server:
        async with http_client(Allowed()) as http:
            with pytest.raises(httpx.ConnectError) as refused:
                await http.get(f"{server.url}/api/v2/instance")
        assert isinstance(refused.value.__cause__, Forbidden)
        assert server.requests == []


async def test_a_resolver_that_flips_is_asked_once_and_what_it_said_then_holds() -> None:
    """It says a public address while it is looked at, and a private one when the connection is made."""
    with MastodonServer() as server:
        flips = resolving(["203.0.113.7"], ["127.0.0.1"])
        only = Allowed(networks=(ipaddress.ip_network("203.0.113.0/24"),))
        async with http_client(only, flips) as http:  # type: ignore[arg-type]
            with pytest.raises((httpx.ConnectError, httpx.ConnectTimeout)):
                await http.get(f"http://news.example:{server.port}/api/v2/instance", timeout=0.5)
            with pytest.raises(httpx.ConnectError) as refused:
                await http.get(f"http://news.example:{server.port}/api/v2/instance", timeout=5)
        assert isinstance(refused.value.__cause__, Forbidden)
        assert server.requests == []


async def test_a_redirect_into_the_private_network_is_looked_at_anew() -> None:
    with MastodonServer() as inside, MastodonServer() as outside:
        outside.fail_next("/start", status=302, headers={"Location": f"http://inside.example:{inside.port}/secret"})
        where = Allowed(hosts=frozenset({"outside.example"}))
        answers = resolving(["127.0.0.1"], ["127.0.0.1"])
        async with http_client(where, answers) as http:  # type: ignore[arg-type]
            with pytest.raises(httpx.ConnectError) as refused:
                await http.get(f"http://outside.example:{outside.port}/start", follow_redirects=True)
        assert isinstance(refused.value.__cause__, Forbidden)
        assert inside.requests == []


def test_what_is_forbidden_is_an_error_of_connecting() -> None:
    """So whoever asks knows that nothing was sent."""
    assert issubclass(Forbidden, httpcore.ConnectError)
