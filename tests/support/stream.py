"""Reads a stream of Server-Sent Events in a thread of its own."""

import json
import threading
from dataclasses import dataclass
from queue import Empty, Queue
from types import TracebackType
from typing import Any, Self

import httpx

PATIENCE_SECONDS = 20.0


@dataclass(frozen=True)
class Told:
    """One event of a stream."""

    kind: str
    id: str
    data: dict[str, Any]


class Stream:
    """`with Stream(url) as stream: stream.next()`; leaves the connection at the end."""

    def __init__(self, url: str, *, after: str | None = None, token: str | None = None, **filters: Any) -> None:
        headers = {"Last-Event-ID": after} if after else {}
        headers |= {"Authorization": f"Bearer {token}"} if token else {}
        self._client = httpx.Client(trust_env=False, timeout=PATIENCE_SECONDS)
        self._request = self._client.build_request("GET", f"{url}/api/v1/events", params=filters, headers=headers)
        self._told: Queue[Told | None] = Queue()
        self._begun = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self.last_id = after

    def __enter__(self) -> Self:
        self._response = self._client.send(self._request, stream=True)
        assert self._response.status_code == 200, self._response.read()
        self._thread.start()
        assert self._begun.wait(PATIENCE_SECONDS)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()
        self._response.close()

    def next(self) -> Told:
        """The next event."""
        told = self._told.get(timeout=PATIENCE_SECONDS)
        assert told, "the stream has ended"
        return told

    def until_ended(self) -> list[Told]:
        """What came until the server ended the stream."""
        told = []
        while (one := self._told.get(timeout=PATIENCE_SECONDS)) is not None:
            told.append(one)
        return told

    def so_far(self) -> list[Told]:
        """What has come and was not asked for yet."""
        told = []
        try:
            while (one := self._told.get_nowait()) is not None:
                told.append(one)
        except Empty:
            pass
        return told

    def _read(self) -> None:
        fields: dict[str, str] = {}
        try:
            for line in self._response.iter_lines():
                if line:
                    name, _, value = line.partition(":")
                    fields[name] = value.removeprefix(" ")
                    continue
                self.last_id = fields.get("id", self.last_id)
                if "data" in fields:
                    self._told.put(Told(fields["event"], fields.get("id", ""), json.loads(fields["data"])))
                if self.last_id or "data" in fields:
                    self._begun.set()
                fields = {}
        except (httpx.HTTPError, httpx.StreamError, OSError):
            pass
        self._begun.set()
        self._told.put(None)
