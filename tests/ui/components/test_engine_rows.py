"""What is told of each engine and worker."""

from dataclasses import replace

from nicegui import Client
from nicegui.page import page

from engine import clock
from engine.views import EngineView
from models.states import ProcessRole
from ui.components.engine_rows import EngineRows
from ui.components.node import Node

BUSY = "2 of 4 slots busy"


def test_a_worker_says_what_it_takes_and_once_it_is_stopping_that_it_takes_nothing_more() -> None:
    now = clock.now()
    worker = EngineView(ProcessRole.WORKER, ["EMAIL_SEND"], "host", 7, True, 2, 4, now, now)
    client = Client(page("/"))
    with client:
        rows = EngineRows(every_type=3)

    def said(view: EngineView) -> list[str]:
        with client:
            rows.show([view])
        return [node.text for node in client.elements.values() if isinstance(node, Node) and "slots" in node.text]

    assert said(worker) == [f"{BUSY} · only EMAIL_SEND · last beat "]
    assert said(replace(worker, types=[])) == [f"{BUSY} · is stopping, takes nothing more · last beat "]
    assert said(replace(worker, types=[], online=False)) == [f"{BUSY} · only EMAIL_SEND · last beat "]
    client.delete()
