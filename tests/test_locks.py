"""The locks: what is installed is named with its hash, and `make audit` looks every one of them up."""

import re
import subprocess

import pytest

from tests.servers.osv import PATH, OsvServer
from tests.support.server import ROOT

LOCKS = ["requirements.lock", "requirements-dev.lock", "requirements-peers.lock"]


def locked(lock: str) -> dict[str, str]:
    """The version of each package, by its name."""
    return dict(re.findall(r"^([a-z0-9._-]+)==([^\s;]+)", (ROOT / lock).read_text(), re.MULTILINE))


def elsewhere(lock: str) -> set[str]:
    """The packages that are for some platforms or Pythons only."""
    return set(re.findall(r"^([a-z0-9._-]+)==\S+ ;", (ROOT / lock).read_text(), re.MULTILINE))


def audit(server: OsvServer) -> subprocess.CompletedProcess[str]:
    where = f"-s osv --osv-url {server.url}{PATH} --progress-spinner off --timeout 30"
    return subprocess.run(["make", "audit", f"ARGS={where}"], cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_package_is_pinned_by_hash(lock: str) -> None:
    entries = re.split(r"\n(?=[a-z0-9._-]+==)", (ROOT / lock).read_text())[1:]
    assert len(entries) == len(locked(lock)) > 20
    assert [entry.splitlines()[0] for entry in entries if "--hash=sha256:" not in entry] == []


def test_what_is_served_is_locked_as_what_is_tested() -> None:
    assert locked("requirements.lock").items() <= locked("requirements-dev.lock").items()


def test_an_audit_looks_up_every_locked_package_and_is_content_with_none_known() -> None:
    with OsvServer() as server:
        ended = audit(server)
        asked = {request.json()["package"]["name"]: request.json()["version"] for request in server.asked(PATH)}
    assert ended.returncode == 0, ended.stderr
    here = {name: version for name, version in locked("requirements-dev.lock").items() if name in asked}
    assert asked == here
    left_out = {name for name in locked("requirements-dev.lock") if name not in asked}
    assert left_out <= elsewhere("requirements-dev.lock")


def test_an_audit_fails_on_a_locked_package_with_a_known_vulnerability() -> None:
    with OsvServer("nicegui") as server:
        ended = audit(server)
    assert ended.returncode != 0
    assert re.search(rf"nicegui +\S+ +{OsvServer.ADVISORY}", ended.stdout)
