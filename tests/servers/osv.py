"""A loopback service of known vulnerabilities, asked as OSV is (https://google.github.io/osv.dev/post-v1-query/)."""

from typing import Any

from tests.servers.http import FakeServer, Reply, Request

PATH = "/v1/query"


class OsvServer(FakeServer):
    """`vulnerable` names the packages of which every version has the advisory `ADVISORY`."""

    ADVISORY = "PYSEC-2026-1"

    def __init__(self, *vulnerable: str) -> None:
        self.vulnerable = set(vulnerable)
        super().__init__()

    def answer(self, request: Request) -> Reply:
        asked = request.json()
        name = asked["package"]["name"]
        return Reply({"vulns": [self._advisory(name, asked["version"])]} if name in self.vulnerable else {})

    def _advisory(self, name: str, version: str) -> dict[str, Any]:
        affected = {"package": {"name": name, "ecosystem": "PyPI"}, "versions": [version], "ranges": []}
        return {"id": self.ADVISORY, "aliases": [], "summary": "planted", "details": "planted", "affected": [affected]}
