"""Open pages without a browser: what a tab does on the wire, and nothing of what it draws."""

import asyncio
import json
import re
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from time import perf_counter
from typing import Any
from urllib.parse import urlencode

import httpx
import websockets
from websockets.typing import Origin

CLIENT_ID = re.compile(r"'client_id': '([0-9a-f-]{36})'")
MESSAGE_ID = re.compile(r'"_id":(\d+)\}\]$')
ACKNOWLEDGE_SECONDS = 3.0  # as NiceGUI's own script
OnUpdate = Callable[[dict[str, Any], float], None]


class Tab:
    """One page, loaded and connected as NiceGUI's own script does it (Engine.IO 4, Socket.IO 5)."""

    def __init__(self, url: str, on_update: OnUpdate | None = None, path: str = "/app/jobs") -> None:
        self._url = url
        self._path = path
        self.awaited: dict[str, float] = {}
        """Texts that are looked for in what comes, each with the moment when it did, 0 before."""
        self._on_update = on_update
        self.connected = asyncio.Event()
        self.updates = 0
        self._next_id = 0

    async def run(self, http: httpx.AsyncClient, turn: asyncio.Semaphore) -> None:
        """Load, connect, and read until cancelled."""
        async with turn:
            page = (await http.get(f"{self._url}{self._path}")).raise_for_status().text
        found = CLIENT_ID.search(page)
        assert found, "the page names no client"
        query = {
            "EIO": 4,
            "transport": "websocket",
            "client_id": found[1],
            "next_message_id": 0,
            "implicit_handshake": "true",
            "document_id": uuid.uuid4(),
            "tab_id": uuid.uuid4(),
        }
        address = self._url.replace("http", "ws", 1)
        async with websockets.connect(
            f"{address}/_nicegui_ws/socket.io/?{urlencode(query)}", origin=Origin(self._url), max_size=None
        ) as socket:
            await socket.send("40")
            telling = asyncio.create_task(self._acknowledge(socket, found[1]))
            try:
                async for message in socket:
                    await self._on_message(socket, str(message))
            finally:
                telling.cancel()

    async def _acknowledge(self, socket: Any, client_id: str) -> None:
        """Say now and then what has come, so that the server need not keep it."""
        while True:
            await asyncio.sleep(ACKNOWLEDGE_SECONDS)
            told = json.dumps(["ack", {"client_id": client_id, "next_message_id": self._next_id}])
            await socket.send(f"42{told}")

    async def _on_message(self, socket: Any, message: str) -> None:
        if message == "2":
            await socket.send("3")
        elif message.startswith("40"):
            self.connected.set()
        if found := MESSAGE_ID.search(message[-40:]):
            self._next_id = int(found[1]) + 1
        if message.startswith('42["update"'):
            self.updates += 1
            for text in [text for text, at in self.awaited.items() if not at and text in message]:
                self.awaited[text] = perf_counter()
            if self._on_update:
                self._on_update(json.loads(message[2:])[1], perf_counter())


@contextmanager
def open_pages(
    url: str, count: int, on_update: OnUpdate | None = None, paths: Sequence[str] = ("/app/jobs",)
) -> Iterator[list[Tab]]:
    """Keep so many pages open in a thread of their own, of these in turn; the last one reports its updates."""
    tabs: list[Tab] = []
    ready, done = threading.Event(), threading.Event()

    async def main() -> None:
        turn = asyncio.Semaphore(4)
        async with httpx.AsyncClient(trust_env=False, timeout=60) as http:
            tabs.extend(
                Tab(url, on_update if number == count - 1 else None, paths[number % len(paths)])
                for number in range(count)
            )
            tasks = [asyncio.create_task(tab.run(http, turn)) for tab in tabs]
            async with asyncio.timeout(120):
                await asyncio.gather(*(tab.connected.wait() for tab in tabs))
            ready.set()
            await asyncio.to_thread(done.wait)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    thread = threading.Thread(target=lambda: asyncio.run(main()), daemon=True)
    thread.start()
    if not ready.wait(150):
        raise RuntimeError("the pages did not connect")
    try:
        yield tabs
    finally:
        done.set()
        thread.join()
