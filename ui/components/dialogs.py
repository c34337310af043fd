"""Dialogs: a question with a verb to confirm it, and the frame that forms share."""

import uuid
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from nicegui import ui

from ui.components.node import Node, button

OnConfirm = Callable[[], Awaitable[None]]
MOTION_MS = 140  # as --fast in theme.css


@contextmanager
def dialog_frame(title: str, *, narrow: bool = False) -> Iterator[tuple[ui.dialog, Node]]:
    """An open-able dialog named by its title; yields it and the body to fill."""
    heading = f"dialog-{uuid.uuid4().hex[:8]}"
    with ui.dialog() as dialog, Node("div", "", "dialog narrow" if narrow else "dialog"):
        dialog.props(f"aria-labelledby={heading} transition-duration={MOTION_MS}")
        Node("h2", title, id=heading)
        with Node("div", "", "dialog-body") as body:
            pass
        yield dialog, body


def confirm(
    title: str, sentences: list[str], verb: str, keep: str, on_confirm: OnConfirm, *, danger: bool = True
) -> None:
    """Ask; the button repeats the verb, Escape means no, and the dialog goes away with the answer.

    It hangs on the page, not on what was pressed: that may be drawn anew, or leave, while the question stands.
    """
    with ui.context.client.content, dialog_frame(title, narrow=True) as (dialog, body):
        with body:
            for sentence in sentences:
                Node("p", sentence)

        async def yes() -> None:
            dialog.close()
            await on_confirm()

        with Node("div", "", "dialog-actions"):
            button(keep).props("autofocus").on_press(dialog.close)
            button(verb, "danger" if danger else "primary").on_press(yes)
    dialog.on("hide", dialog.delete)
    dialog.open()
