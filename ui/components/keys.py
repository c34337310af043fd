"""Which keys do what: told by a press on ?, where they can also be turned off."""

from nicegui import ui

from ui.components.dialogs import dialog_frame
from ui.components.node import Node, button, icon_button

COOKIE = "job_runner_keys"
KEYS = (
    ("j or ↓", "Next item"),
    ("k or ↑", "Previous item"),
    ("a", "Approve"),
    ("r", "Reject, with a reason"),
    ("e", "Edit"),
    ("c", "Comment"),
    ("x", "Select the item in the list"),
    ("?", "Show these keys"),
)


class KeysHelp:
    """A button that shows them; `root` is the part of the page that has the keys."""

    def __init__(self, root: Node) -> None:
        self._root = root
        self._is_on = ui.context.client.request.cookies.get(COOKIE) != "off"
        root.change(data_keys="on" if self._is_on else "off")
        icon_button("Keyboard shortcuts", "keyboard", data_key="?").on_press(self._open)

    def _open(self) -> None:
        with ui.context.client.content, dialog_frame("Keyboard shortcuts", narrow=True) as (dialog, body):
            with body, Node("dl", "", "keys"):
                for keys, does in KEYS:
                    with Node("dt"):
                        for number, key in enumerate(keys.split(" or ")):
                            if number:
                                Node("span", " or ")
                            Node("kbd", key)
                    Node("dd", does)
            with Node("div", "", "dialog-actions"):
                switch = button("Turn keys off" if self._is_on else "Turn keys on")
                switch.on_press(lambda: self._turn(switch))
                button("Close", "primary").props("autofocus").on_press(dialog.close)
        dialog.on("hide", dialog.delete)
        dialog.open()

    def _turn(self, switch: Node) -> None:
        self._is_on = not self._is_on
        word = "on" if self._is_on else "off"
        self._root.change(data_keys=word)
        switch.change("Turn keys off" if self._is_on else "Turn keys on")
        ui.run_javascript(f"document.cookie = '{COOKIE}={word}; path=/; max-age=31536000; samesite=lax'")
