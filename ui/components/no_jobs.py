"""What stands in a list without jobs: what this is, or which filters leave nothing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from models.states import Category
from ui.components.asked import Asked
from ui.components.chips import chips_of
from ui.components.node import Node, button
from ui.theme import CATEGORIES

_KINDS = {"active": "active ", "completed": "completed ", "history": ""}


@dataclass(frozen=True)
class Why:
    """What was asked for in which list; `anything` is whether there are jobs at all."""

    region: str
    asked: Asked
    names: Mapping[str, str]
    anything: bool


def draw_no_jobs(why: Why, on_clear: Callable[[], object], on_create: Callable[[], object] | None) -> None:
    """One sentence, and one button where there is something to do; without `on_create` one may not."""
    with Node("div", "", "empty"):
        if not why.asked.criteria.is_empty:
            _draw_no_match(why)
            button("Clear filters").on_press(on_clear)
        elif why.region == "completed":
            Node("strong", "Nothing completed yet")
            Node("span", "Finished jobs appear here with their result.")
        elif why.anything:
            Node("strong", "Nothing is waiting or running")
            Node("span", "All work is done.")
        else:
            Node("strong", "No jobs yet")
            Node("span", "A job is one piece of work for Atlas: an e-mail to send, a post to publish.")
            if on_create:
                button("Create the first job", "", "add").on_press(on_create)


def _draw_no_match(why: Why) -> None:
    asked, category = why.asked, why.asked.category
    kind = f"{CATEGORIES[Category(category)].lower()} " if category else ""
    chips = chips_of(asked, why.names)
    Node("strong", f"No {_KINDS[why.region]}{kind}jobs" + (" match" if chips else ""))
    if chips:
        Node("span", f"Looked for: {' · '.join(chip.text for chip in chips)}")
    elif why.region != "completed":
        Node("span", "The type filter hides everything else.")
