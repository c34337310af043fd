"""A page that follows numbers and what happens lets go of both once it is left."""

from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from nicegui import Client
from nicegui.page import page

from engine.activity import Batch
from ui.components.agent_parts import Hands
from ui.pages.following import WatchingView


@pytest.fixture
def client() -> Iterator[Client]:
    client = Client(page("/"))
    yield client
    if not client.is_deleted:
        client.delete()


class Source:
    """Tells its listeners, of whom it knows who has gone."""

    def __init__(self) -> None:
        self.listeners: list[Any] = []

    def subscribe(self, listener: Any) -> Any:
        self.listeners.append(listener)
        return lambda: self.listeners.remove(listener)

    follow = subscribe


class Page(WatchingView):
    """Counts how often it shows its numbers."""

    shown = 0

    def _show_numbers(self) -> None:
        self.shown += 1

    def _hands(self) -> Mapping[str, Hands]:
        return {}


def test_it_follows_until_another_view_has_the_page_or_its_tab_is_closed(client: Client) -> None:
    numbers, activity, asked = Source(), Source(), list[object]()
    atlas = SimpleNamespace(queries=SimpleNamespace(statistics=numbers), activity=activity)
    live = SimpleNamespace(ask_refresh=asked.append, is_awake=lambda _: True)
    shell: Any = SimpleNamespace(atlas=atlas, live=live, view=None)
    shell.show = lambda _title, _path, view: setattr(shell, "view", view)
    with client:
        former, later = Page(shell), Page(shell)
        former._follow("Agent Watcher", "/app/agents")
        numbers.listeners[0]()
        assert (former.shown, len(asked)) == (1, 1)
        later._follow("Agent Watcher", "/app/agents")
    for listener in [*activity.listeners]:
        listener(Batch((), 0))
    assert len(numbers.listeners) == len(activity.listeners) == 1
    numbers.listeners[0]()
    assert (former.shown, later.shown, len(asked)) == (1, 1, 2)
    client.delete()
    assert numbers.listeners == activity.listeners == []
