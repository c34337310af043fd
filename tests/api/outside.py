"""What tests of outside agents share: types of their own, and an agent that a test moves step by step."""

from typing import Any
from uuid import uuid4

import httpx

from tests.support.server import JobRunner

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "text": {"type": "string", "title": "Text", "minLength": 1, "maxLength": 1000},
        "to": {"type": "string", "title": "Language", "enum": ["de", "fr", "ja"]},
        "words": {"type": "integer", "title": "Words", "minimum": 1},
    },
    "required": ["text"],
    "additionalProperties": False,
}


def definition(**more: Any) -> dict[str, Any]:
    """A type that no other test has."""
    key = f"T_{uuid4().hex[:12].upper()}"
    return {"type": key, "label": "Translate a text", "payload_schema": SCHEMA, "icon": "translate", **more}


def define(runner: JobRunner, **more: Any) -> str:
    """Define one, and return its key."""
    answer = runner.http.post("/api/v1/job-types", json=definition(**more))
    assert answer.status_code == 201, answer.text
    return str(answer.json()["type"])


class Worker:
    """An agent of one type."""

    def __init__(self, runner: JobRunner, key: str, *, concurrency: int = 10, http: httpx.Client | None = None) -> None:
        self._http = http or runner.http
        body = {"name": f"agent {uuid4().hex[:8]}", "types": [key], "concurrency": concurrency}
        answer = self._http.post("/api/v1/agents", json=body)
        assert answer.status_code == 200, answer.text
        self.name = str(body["name"])
        self.id = int(answer.json()["id"])

    def claim(self, limit: int = 1, **more: Any) -> list[dict[str, Any]]:
        """What it gets."""
        answer = self._http.post(f"/api/v1/agents/{self.id}/claim", json={"limit": limit, **more})
        assert answer.status_code == 200, answer.text
        items: list[dict[str, Any]] = answer.json()["items"]
        return items

    def one(self, **more: Any) -> dict[str, Any]:
        """The one job that it gets, waiting for it."""
        (job,) = self.claim(wait_seconds=10, **more)
        return job

    def report(self, job: dict[str, Any], **more: Any) -> httpx.Response:
        """Tell of a job."""
        path = f"/api/v1/agents/{self.id}/jobs/{job['job_id']}/report"
        return self._http.post(path, json={"lease_token": job["lease_token"], **more})

    def upload(self, job: dict[str, Any], name: str, content: bytes) -> httpx.Response:
        """Store a file."""
        path = f"/api/v1/agents/{self.id}/jobs/{job['job_id']}/artifacts/{name}"
        return self._http.put(path, content=content, headers={"Lease-Token": job["lease_token"]})
