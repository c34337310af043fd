"""Several hosts on one machine: network namespaces with addresses of their own, on a switch between them.

Linux alone has these, and root alone may make them. A program runs on a host when it is started `with host.entered()`,
and stays there. Whoever is cut off hears nothing any more, not even that it is cut off.
"""

import ctypes
import itertools
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from ipaddress import ip_network
from pathlib import Path
from typing import Self

from tests.support.packages import install_package

NEW_NETWORK = 0x40000000  # CLONE_NEWNET of clone(2)
ADDRESSES = "192.0.2.0/24"  # for documentation (RFC 5737): no real host has one
NOBODYS = "02:00:00:00:00:01"  # a hardware address to which nobody listens

_numbers = itertools.count(1)


def why_none() -> str | None:
    """Why this machine allows no hosts; None if it does. Where they are possible, what makes them is installed."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0 or not Path("/proc/self/ns/net").exists():
        return "hosts of their own need Linux's network namespaces, and root to make them"
    if not shutil.which("ip"):
        install_package("iproute2")
    if not shutil.which("ip"):
        return "hosts of their own need the program ip (on Debian: apt-get install iproute2)"
    name = f"jr-{os.getpid()}-probe"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, check=False, text=True)
    if made.returncode:
        return f"this machine allows no network namespaces: {made.stderr.strip()}"
    _ip("netns", "delete", name)
    return None


class Host:
    """A namespace with one address; its name is the interface's at the switch, too."""

    def __init__(self, network: "Network", name: str, address: str) -> None:
        self.network, self.name, self.address = network, name, address
        self.namespace = f"{network.prefix}-{name}"

    @contextmanager
    def entered(self) -> Iterator[None]:
        """This thread, and whatever it starts, is on this host meanwhile."""
        with Path("/proc/thread-self/ns/net").open() as before, Path(f"/run/netns/{self.namespace}").open() as here:
            _enter(here.fileno())
            try:
                yield
            finally:
                _enter(before.fileno())

    def cut_off(self) -> None:
        """Nothing reaches this host any more, and nothing leaves it."""
        _ip("-n", self.network.switch, "link", "set", "dev", self.name, "nomaster")

    def let_back(self) -> None:
        """Packets pass again."""
        _ip("-n", self.network.switch, "link", "set", "dev", self.name, "master", "switch")

    def lose(self, other: "Host") -> None:
        """Nothing passes between these two; each still hears everybody else."""
        for one, another in ((self, other), (other, self)):
            place = (another.address, "lladdr", NOBODYS, "dev", "eth0", "nud", "permanent")
            _ip("-n", one.namespace, "neighbour", "replace", *place)

    def find(self, other: "Host") -> None:
        """Packets pass between these two again."""
        for one, another in ((self, other), (other, self)):
            _ip("-n", one.namespace, "neighbour", "delete", another.address, "dev", "eth0")


class Network:
    """`with Network() as network: network.host("web") …`; its hosts are gone afterwards."""

    def __init__(self) -> None:
        self.prefix = f"jr-{os.getpid()}-{next(_numbers)}"
        self.switch = f"{self.prefix}-switch"
        self._hosts: list[Host] = []
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        _ip("netns", "add", self.switch)
        self._stack.callback(_ip, "netns", "delete", self.switch)
        _ip("-n", self.switch, "link", "add", "switch", "type", "bridge")
        _ip("-n", self.switch, "link", "set", "dev", "switch", "up")
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def host(self, name: str, address: str | None = None) -> Host:
        """A new host on the switch."""
        host = Host(self, name, address or str(ip_network(ADDRESSES)[10 + len(self._hosts)]))
        self._hosts.append(host)
        _ip("netns", "add", host.namespace)
        self._stack.callback(_ip, "netns", "delete", host.namespace)
        ends = ("type", "veth", "peer", "name", name, "netns", self.switch)
        _ip("link", "add", "eth0", "netns", host.namespace, *ends)
        _ip("-n", self.switch, "link", "set", "dev", name, "master", "switch", "up")
        _ip("-n", host.namespace, "address", "add", f"{host.address}/24", "dev", "eth0")
        for interface in ("lo", "eth0"):
            _ip("-n", host.namespace, "link", "set", "dev", interface, "up")
        return host


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], capture_output=True, check=True)


def _enter(namespace: int) -> None:
    if ctypes.CDLL(None, use_errno=True).setns(namespace, NEW_NETWORK):
        raise OSError(ctypes.get_errno(), "this thread cannot enter the network namespace")
