"""Small marks that stand on cards, rows and pages alike: badges, moments, and how far a job is."""

from dataclasses import replace
from datetime import datetime

from engine import clock
from engine.views import JobView
from ui.components.node import Node
from ui.present import Badge, ago, progress_words


def progress_node(label: str) -> Node:
    """An empty bar, for `show_progress`."""
    return Node("div", "", "progress", role="progressbar", aria_label=label, aria_valuemin=0, aria_valuemax=100)


def show_progress(node: Node, job: JobView, now: datetime) -> None:
    """Write a running job's progress into its bar."""
    percent = job.progress
    node.change(
        hidden=None,
        aria_valuenow=round(percent),
        aria_valuetext=progress_words(percent, job.time_left(now)),
        style=f"--done: {percent:.1f}%",
    )


def badge_node() -> Node:
    """An empty badge, for `show_badge`."""
    return Node("span", "", "badge", hidden=True)


def show_badge(node: Node, badge: Badge | None) -> None:
    """Write a badge, or hide it."""
    if badge is None:
        node.change(hidden=True)
    else:
        node.change(badge.word, f"badge tone-{badge.kind}", data_icon=badge.icon, hidden=None)


class FacetBadge:
    """A badge with a moment in it, as in "Retrying 14:03:10"."""

    def __init__(self) -> None:
        self._root = badge_node()
        with self._root:
            self._word, self._time = Node("span"), Node("time")

    def show(self, badge: Badge | None) -> None:
        """Write the badge, or hide it."""
        show_badge(self._root, replace(badge, word="") if badge else None)
        if badge:
            self._word.change(badge.word)
            show_time(self._time, badge.at, show=badge.show)


def time_node(moment: datetime, now: datetime, *, show: str = "ago") -> Node:
    """A moment: relative (or a clock time), exact on hover; the browser keeps it fresh in the reader's zone."""
    node = Node("time")
    show_time(node, moment, now, show=show)
    return node


def show_time(node: Node, moment: datetime | None, now: datetime | None = None, *, show: str = "clock") -> None:
    """Write a moment, or hide it."""
    if moment is None:
        node.change(text="", hidden=True)
        return
    text = ago(moment, now) if now and show == "ago" else f"{moment:%H:%M:%S}"
    if show == "countdown":
        text = f"{max(0, round((moment - clock.now()).total_seconds()))} s"
    if node.props.get("datetime") == moment.isoformat():
        return  # the browser keeps the words
    node.change(
        text,
        hidden=None,
        datetime=moment.isoformat(),
        title=f"{moment:%Y-%m-%d %H:%M:%S} UTC",
        data_show=show,
    )
