"""A workflow as a graph: its steps in columns, with lines from each to those that come after it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ui.components.graph_layout import HEIGHT, WIDTH, Layout, layout, path_of
from ui.components.marks import badge_node, show_badge
from ui.components.node import Node
from ui.present import Badge


@dataclass(frozen=True)
class GraphStep:
    """A step as it is drawn; without a badge nothing is known of how it stands, and `note` stands in its place."""

    name: str
    title: str
    icon: str
    href: str | None = None
    badge: Badge | None = None
    note: str = ""
    is_done: bool = False


class WorkflowGraph:
    """Drawn once for the same steps and lines, then only patched; what is wider than the page scrolls sideways."""

    def __init__(self, label: str) -> None:
        self._shape: object = None
        self._steps: dict[str, _Step] = {}
        self._ways: dict[tuple[str, str], str] = {}
        self._root = Node("div", "", "graph", tabindex="0", role="group", aria_label=label)

    def show(self, steps: Sequence[GraphStep], edges: Iterable[tuple[str, str]]) -> None:
        """`steps` in an order in which each comes after those before it."""
        shape = (tuple((step.name, step.badge is not None or step.note) for step in steps), tuple(edges))
        if shape != self._shape:
            self._shape = shape
            self._draw(layout([step.name for step in steps], shape[1]), steps)
        for step in steps:
            self._steps[step.name].show(step)
        done = {step.name for step in steps if step.is_done}
        self._line.change(d=" ".join(way for (first, _), way in self._ways.items() if first not in done))
        self._done.change(d=" ".join(way for (first, _), way in self._ways.items() if first in done))

    def _draw(self, made: Layout, steps: Sequence[GraphStep]) -> None:
        self._root.clear()
        width, height = round(made.width), round(made.height)
        with self._root, Node("div", "", "graph-area", style=f"width: {width}px; height: {height}px"):
            with Node("svg", "", "graph-lines", viewBox=f"0 0 {width} {height}", width=width, height=height) as lines:
                lines.change(aria_hidden="true")
                self._line, self._done = Node("path", "", "graph-line"), Node("path", "", "graph-line done")
            self._ways = {edge: path_of(way) for edge, way in made.lines.items()}
            self._steps = {step.name: _Step(step, *made.steps[step.name]) for step in steps}


class _Step:
    def __init__(self, step: GraphStep, x: float, y: float) -> None:
        style = f"left: {x:.0f}px; top: {y:.0f}px; width: {WIDTH}px; height: {HEIGHT}px"
        self._root = Node("a" if step.href else "div", "", "graph-step", style=style, data_icon=step.icon)
        with self._root:
            self._title = Node("span", step.title, "graph-title")
            self._badge = badge_node() if step.badge else None
            if not step.badge:
                Node("span", step.note, "graph-note")

    def show(self, step: GraphStep) -> None:
        kind = f" tone-{step.badge.kind}" if step.badge else ""
        said = f"{step.title}: {step.badge.word if step.badge else step.note}"
        href = {"href": step.href} if step.href else {}
        self._root.change(classes=f"graph-step{kind}", title=said, data_step=step.name, **href)
        self._title.change(text=step.title)
        if self._badge:
            show_badge(self._badge, step.badge)
