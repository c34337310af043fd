"""Where requests may go that somebody else chose the address of: out to the internet, and not into our own network.

The name is resolved once, every address that it has is looked at, and the connection goes to one of those that were
looked at: a resolver that says something else a moment later is not asked again. No redirect is followed by itself, and
one that a caller follows is a new connection, looked at anew (OWASP, Server-Side Request Forgery Prevention).
"""

import ipaddress
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import anyio
import httpcore
import httpx

from models.person import Person

if TYPE_CHECKING:  # settings look at mail addresses, which the channels know
    from engine.settings import Settings

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolve = Callable[[str, int], Awaitable[list[str]]]

REQUEST_TIMEOUT = httpx.Timeout(30, connect=10)
_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052
_COMPATIBLE = ipaddress.ip_network("::/96")  # IPv4-compatible, RFC 4291, 2.5.5.1


class Forbidden(httpcore.ConnectError):
    """The address is one of our own network; nothing was sent."""


@dataclass(frozen=True)
class Allowed:
    """What may be reached besides the internet: loopback, and hosts and networks by name."""

    loopback: bool = False
    hosts: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()

    def fault(self, host: str, addresses: Iterable[str]) -> str | None:
        """Why the host may not be reached at these addresses, or None; one bad address is one too many."""
        if host.lower().strip("[]") in self.hosts:
            return None
        for text in addresses:
            if not self._may_reach(ipaddress.ip_address(text.partition("%")[0])):
                return (
                    f"{host} is {text}, an address of a private network; if that is meant, "
                    "name it in JOB_RUNNER_ALLOW_PRIVATE_URLS"
                )
        return None

    def _may_reach(self, address: Address) -> bool:
        inner = undressed(address)
        if any(inner.version == network.version and inner in network for network in self.networks):
            return True
        if inner.is_loopback:
            return self.loopback
        is_local = getattr(inner, "is_site_local", False)  # RFC 3879: no more in use, and global to Python
        return inner.is_global and not inner.is_multicast and not inner.is_reserved and not is_local


def undressed(address: Address) -> Address:
    """The IPv4 address that an IPv6 one leads to, if it does: mapped, compatible, 6to4, Teredo or NAT64."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped:
        return address.ipv4_mapped
    if address.sixtofour:
        return address.sixtofour
    if address.teredo:
        return address.teredo[1]
    if address in _NAT64 or (address in _COMPATIBLE and int(address) > 1):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def is_web_address(url: str) -> bool:
    """Whether it is an http or https URL with a host, and without a password in it."""
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, TypeError):
        return False
    return parsed.scheme in ("http", "https") and bool(parsed.host) and not parsed.userinfo and len(url) <= 500


async def allowed(settings: "Settings") -> Allowed:
    """Where this installation may reach: on a laptop where nobody signs in, its own servers too."""
    hosts, networks = set(), []
    for word in settings.allow_private_urls.replace(",", " ").split():
        try:
            networks.append(ipaddress.ip_network(word, strict=False))
        except ValueError:
            hosts.add(word.lower())
    laptop = settings.is_loopback and not await Person.exists()
    return Allowed(laptop, frozenset(hosts), tuple(networks))


def http_client(where: Allowed, resolve: Resolve | None = None) -> httpx.AsyncClient:
    """A client for such addresses: bounded waits, no redirects followed, no proxy from the environment."""
    transport = httpx.AsyncHTTPTransport(trust_env=False)
    # NOTE: httpx has no public way to choose how httpcore connects.
    pool = httpcore.AsyncConnectionPool(
        ssl_context=_tls(),
        network_backend=_Guarded(where, resolve or _resolve),
        max_connections=20,
    )
    vars(transport)["_pool"] = pool
    return httpx.AsyncClient(
        transport=transport,
        timeout=REQUEST_TIMEOUT,
        follow_redirects=False,
        trust_env=False,
        headers={"User-Agent": "JobRunner"},
    )


@cache
def _tls() -> ssl.SSLContext:
    """Read once: the system's certificates take a while."""
    return ssl.create_default_context()


class _Guarded(httpcore.AsyncNetworkBackend):
    def __init__(self, where: Allowed, resolve: Resolve) -> None:
        self._where = where
        self._resolve = resolve
        self._backend = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Resolve once, look at what came, and connect to that."""
        try:
            with anyio.fail_after(timeout):
                addresses = await self._resolve(host, port)
        except TimeoutError:
            raise httpcore.ConnectTimeout(f"{host} could not be resolved in time") from None
        except OSError as error:
            raise httpcore.ConnectError(f"{host} cannot be resolved: {error.strerror or error}") from error
        if fault := self._where.fault(host, addresses):
            raise Forbidden(fault)
        last: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in addresses:
            try:
                return await self._backend.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                last = error
        raise last

    async def sleep(self, seconds: float) -> None:
        """Between tries."""
        await self._backend.sleep(seconds)


async def _resolve(host: str, port: int) -> list[str]:
    found = await anyio.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[4][0]) for address in found))
