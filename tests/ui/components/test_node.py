"""What a press of a button counts, and what stays of a node that is deleted."""

import asyncio
import gc
import weakref
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from nicegui import Client, ui
from nicegui.page import page

from engine import clock
from models.rights import Right
from tests.ui.views import a_job
from ui.components.job_card import JobCard
from ui.components.node import Node, icon_button


@pytest.fixture
def client() -> Iterator[Client]:
    client = Client(page("/"))
    yield client
    client.delete()


class Slow:
    """What a button does: begins at once, and ends when it is told to."""

    def __init__(self) -> None:
        self.begun = 0
        self.may_end = asyncio.Event()

    async def __call__(self) -> None:
        self.begun += 1
        await self.may_end.wait()


def press(button: ui.element) -> asyncio.Task[Any]:
    (listener,) = button._event_listeners.values()
    handler: Callable[[], Awaitable[None]] = listener.handler  # type: ignore[assignment]
    return asyncio.ensure_future(handler())


async def test_a_second_press_counts_nothing_while_the_first_is_served(client: Client) -> None:
    work = Slow()
    with client:
        button = icon_button("Pause job", "pause").on_press(work)
    first = press(button)
    await press(button)
    work.may_end.set()
    await first
    assert work.begun == 1
    await press(button)
    assert work.begun == 2


async def test_a_button_that_became_another_one_can_be_pressed_while_its_old_press_is_served(client: Client) -> None:
    work = Slow()
    with client:
        button = icon_button("Pause job", "pause").on_press(work)
    first = press(button)
    await asyncio.wait([first], timeout=0)
    button.relabel("Resume job", "resume")
    second = press(button)
    await asyncio.wait([second], timeout=0)
    assert work.begun == 2
    assert button.props.get("aria-busy") == "true"
    work.may_end.set()
    await asyncio.gather(first, second)
    assert button.props.get("aria-busy") is None


async def test_a_press_that_fails_leaves_the_button_free(client: Client) -> None:
    def fail() -> None:
        raise RuntimeError("no")

    with client:
        button = Node("button", "Go").on_press(fail)
    for _ in range(2):
        with pytest.raises(RuntimeError):
            await press(button)


def test_a_card_that_is_deleted_is_gone_at_once(client: Client) -> None:
    """Hundreds a second come and go while many pages are open, and nobody waits for a collector of garbage."""
    gc.collect()
    gc.disable()
    try:
        with client, Node("div") as outer:
            card = JobCard(a_job(), "", clock.now(), frozenset(Right), lambda *_: None, lambda *_: None, agent_of=str)
            nodes = [card.root, *card.root.descendants()]
            seen = [weakref.ref(each) for node in nodes for each in (node, node.classes, node.style, node.props)]
        del card, nodes
        outer.clear()
        client.outbox.updates.clear()
        assert len(seen) > 40
        assert [each() for each in seen if each() is not None] == []
    finally:
        gc.enable()
