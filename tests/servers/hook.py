"""A loopback receiver of webhooks, which checks each message with the reference library of Standard Webhooks."""

from typing import Any

from standardwebhooks import Webhook

from tests.servers.http import FakeServer, Reply, Request

PATH = "/hook"


class HookServer(FakeServer):
    """Keeps what it got, by webhook-id; a message that is not signed with the secret is refused."""

    def __init__(self) -> None:
        self.secret = ""
        self.got: dict[str, list[dict[str, Any]]] = {}
        super().__init__()

    @property
    def hook(self) -> str:
        """Its address."""
        return f"{self.url}{PATH}"

    def answer(self, request: Request) -> Reply:
        message: dict[str, Any] = Webhook(self.secret).verify(request.body, dict(request.headers))
        with self.lock:
            self.got.setdefault(request.headers["webhook-id"], []).append(message)
        return Reply({})

    def kinds_of(self, job_id: int) -> list[str]:
        """What it was told of a job, in order."""
        with self.lock:
            messages = [message for tries in self.got.values() for message in tries]
        return [message["type"] for message in messages if message["data"].get("job_id") == job_id]
