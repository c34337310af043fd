"""What stands where a job was: what may have happened to it, and the ways on."""

from urllib.parse import urlencode

from ui.components.node import Node

SHOWN = 30  # characters of an address that names no job


def draw_gone(asked: str, retention_days: float) -> None:
    """Draw it; `retention_days` is after how long jobs that are over are removed, 0 for never."""
    with Node("div", "", "empty apology"):
        Node("strong", "There is no such job")
        Node("span", gone_words(asked, retention_days))
        with Node("div", "", "buttons"):
            Node("a", "All jobs", "button primary", href="/app/jobs")
            search = f"/app/jobs?{urlencode({'q': asked[:SHOWN], 'view': 'history'})}"
            Node("a", f"Search for “{asked[:SHOWN]}”", "button", href=search, data_icon="search")


def gone_words(asked: str, retention_days: float) -> str:
    """What may have happened."""
    if not asked.isdecimal():
        return "The address is mistyped: a job is named by its number, as in /app/jobs/42."
    kept = (
        f"Jobs are removed {_days(retention_days)} after they ended" if retention_days else "It may have been removed"
    )
    return f"{kept}, or the number {asked[:SHOWN]} is mistyped."


def _days(days: float) -> str:
    return "a day" if days == 1 else f"{days:g} days"
