"""Which keys do what, here and everywhere: told by a press on ?, where single keys can also be turned off."""

from collections.abc import Callable, Sequence

from nicegui import ui
from nicegui.events import GenericEventArguments

from ui.components.dialogs import dialog_frame
from ui.components.node import Node, button
from ui.theme import GO_KEYS, NAVIGATION

COOKIE = "job_runner_keys"
IS_OFF = f"() => emit(document.cookie.includes('{COOKIE}=off'))"

Keys = Sequence[tuple[str, str]]

EVERYWHERE: Keys = (
    ("Ctrl K or ⌘ K", "Search or jump to anything"),
    ("/", "Search this page"),
    ("n", "New Job"),
    *((GO_KEYS[href].replace(" ", " then "), f"Go to {name}") for name, href, _ in NAVIGATION),
    ("?", "Show these keys"),
)
ON_PAGES: dict[str, Keys] = {
    "/app/jobs": (
        ("j", "Next job"),
        ("k", "Previous job"),
        ("Enter", "Open the job"),
        ("x", "Select the job"),
    ),
    "/app/approvals": (
        ("j or ↓", "Next item"),
        ("k or ↑", "Previous item"),
        ("a", "Approve"),
        ("r", "Reject, with a reason"),
        ("e", "Edit"),
        ("c", "Comment"),
        ("x", "Select the item in the list"),
    ),
}


class Shortcuts:
    """A button that shows them; `path` says which page is shown. One for a tab, and one setting for a browser."""

    def __init__(self, path: Callable[[], str]) -> None:
        self._path = path
        opener = Node("button", "", "nav-link shortcuts", type="button", id="shortcuts", aria_keyshortcuts="?")
        with opener:
            Node("span", "Keyboard shortcuts", data_icon="keyboard")
            Node("kbd", "?", aria_hidden="true")
        opener.on("click", self._open, js_handler=IS_OFF)

    def _open(self, event: GenericEventArguments) -> None:
        self._is_on = event.args is not True
        with ui.context.client.content, dialog_frame("Keyboard shortcuts") as (dialog, body):
            body.change(tabindex="0", role="group", aria_label="Keys")  # on a phone it scrolls, by keyboard too
            with body, Node("div", "", "keys-columns"):
                if own := ON_PAGES.get(self._path()):
                    _show("On this page", own)
                _show("Everywhere", EVERYWHERE)
            with body:
                self._state = Node("p", "", "muted", role="status")
            with Node("div", "", "dialog-actions"):
                self._switch = button("").on_press(self._turn)
                button("Close", "primary").props("autofocus").on_press(dialog.close)
        self._tell()
        dialog.on("hide", dialog.delete)
        dialog.open()

    def _turn(self) -> None:
        self._is_on = not self._is_on
        word = "on" if self._is_on else "off"
        ui.run_javascript(f"document.cookie = '{COOKIE}={word}; path=/; max-age=31536000; samesite=lax'")
        self._tell()

    def _tell(self) -> None:
        on = "Single keys work while nobody types. They can be turned off, for whoever speaks to the computer, say."
        off = "Single keys are off in this browser; Ctrl K and ⌘ K still work."
        self._state.change(text=on if self._is_on else off)
        self._switch.change("Turn single keys off" if self._is_on else "Turn single keys on")


def _show(title: str, keys: Keys) -> None:
    with Node("section", "", "keys-part"):
        Node("h3", title)
        with Node("dl", "", "keys"):
            for pressed, does in keys:
                with Node("dt"):
                    _show_keys(pressed)
                Node("dd", does)


def _show_keys(pressed: str) -> None:
    """Each key as one, the words between them as words."""
    for word in pressed.split(" "):
        if word in ("or", "then"):
            Node("span", f" {word} ")
        else:
            Node("kbd", word)
