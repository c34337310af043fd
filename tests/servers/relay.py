"""A loopback relay in front of a server: what goes through it can be held or cut, as networks do."""

import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self


class Relay:
    """`with Relay(port) as relay: … relay.url …; relay.cut(); relay.mend()`."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}"
        self.asked = threading.Event()  # somebody has connected, or tried to
        self._flows = threading.Event()
        self._flows.set()
        self._is_cut = False
        self._left: int | None = None
        self._open: set[socket.socket] = set()

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.close()
        self.cut()
        self._flows.set()

    def cut(self) -> None:
        """Hang up on everybody, from now on."""
        self._is_cut = True
        self.asked.clear()
        for connection in tuple(self._open):
            _close(connection)

    def cut_after(self, size: int) -> None:
        """Hang up once the server has answered so many bytes more."""
        self._left = size

    def hold(self) -> None:
        """Take everything, and pass nothing on."""
        self._flows.clear()
        self.asked.clear()

    def mend(self) -> None:
        """Pass everything on again."""
        self._is_cut, self._left = False, None
        self._flows.set()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self.asked.set()
                if self._is_cut:
                    _close(client)
                    continue
                server = socket.create_connection(("127.0.0.1", self._to))
                self._open |= {client, server}
                for source, target, answers in ((client, server, False), (server, client, True)):
                    threading.Thread(target=self._pass_on, args=(source, target, answers), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket, answers: bool) -> None:
        with suppress(OSError):
            while content := source.recv(65536):
                self.asked.set()
                self._flows.wait()
                target.sendall(content)
                if answers and self._left is not None:
                    self._left -= len(content)
                    if self._left < 0:
                        self.cut()
        for connection in (source, target):
            self._open.discard(connection)
            _close(connection)


def _close(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()
