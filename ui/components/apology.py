"""What stands where nothing can be shown: one sentence on what happened, and a way on."""

from ui.components.node import Node


def apology(title: str, sentence: str) -> None:
    """A quiet panel with a link back to the jobs."""
    with Node("div", "", "empty apology"):
        Node("strong", title)
        Node("span", sentence)
        Node("a", "All jobs", "button", href="/app/jobs")


def missing(what: str) -> None:
    """There is no such thing."""
    apology(f"There is no such {what}", "It may have been removed, or the address is mistyped.")


def broken() -> None:
    """A fault of ours; its details are for the log only."""
    apology("This page could not be shown", "Something went wrong on our side; the log says what. Try again.")
