"""What matches, as a file: CSV or JSON, from the programs' door with the same filter."""

from urllib.parse import urlencode

from engine.finding import Criteria
from ui.components.menu import Menu
from ui.components.node import button

FORMS = {"csv": ("CSV", "table_view", "For a spreadsheet"), "json": ("JSON", "data_object", "For a program")}
PATH = "/api/v1/jobs/export"


class Export:
    """A button with a menu."""

    def __init__(self, label: str, kind: str = "") -> None:
        self._criteria = Criteria()
        self._root = button("Export", kind, "download", aria_label=label)
        Menu(self._root, label, self._fill)

    def show(self, criteria: Criteria | None) -> None:
        """What is to be loaded from now on; None if nothing can be."""
        self._root.change(hidden=True if criteria is None else None)
        self._criteria = criteria or Criteria()

    def _fill(self, menu: Menu) -> None:
        for form, (text, icon, about) in FORMS.items():
            menu.link(text, export_address(form, self._criteria), icon=icon, about=about, download=True)


def export_address(form: str, criteria: Criteria) -> str:
    """Where the file is."""
    query: list[tuple[str, object]] = [("form", form)]
    for name, value in criteria.told().items():
        word = {"types": "type", "statuses": "status"}.get(name, name)
        query.append((word, ",".join(value) if isinstance(value, list) else value))
    return f"{PATH}?{urlencode(query)}"
