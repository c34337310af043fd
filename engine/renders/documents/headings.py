"""Headings: their levels without gaps, their names as places to go to, and their numbers."""

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote

from engine.renders.documents.nodes import Node, attributes, node, plain, replaced
from engine.renders.documents.remarks import Remarks

LOWEST = 5


@dataclass(frozen=True)
class Heading:
    """A heading that divides the document; `level` begins with 1, `place` is its name for links."""

    level: int
    place: str
    number: str
    text: str


def without_title(blocks: list[Node], title: str) -> list[Node]:
    """The blocks without a first heading that only says the title once more."""
    if blocks and blocks[0]["t"] == "Header" and _alike(plain(blocks[0]["c"][2])) == _alike(title):
        return blocks[1:]
    return blocks


def _alike(text: str) -> str:
    return " ".join(text.casefold().split())


def settled(blocks: list[Node], remarks: Remarks) -> list[Node]:
    """The same with levels that begin at 1 and leave none out, and links within that lead to headings."""
    places: dict[str, str] = {}
    made: list[Node] = []
    levels = _levels([block["c"][0] for block in blocks if block["t"] == "Header"])
    for block in blocks:
        if block["t"] != "Header":
            made.append(block)
            continue
        _, (name, _, _), inlines = block["c"]
        place = _free(name or plain(inlines), places)
        places.setdefault(name.casefold(), place)
        made.append(node("Header", [next(levels), attributes(place), inlines]))
    return _with_links(made, places, remarks)


def _levels(found: list[int]) -> Iterator[int]:
    above: list[int] = []
    for level in found:
        while above and above[-1] >= level:
            above.pop()
        above.append(level)
        yield min(len(above), LOWEST)


def _free(name: str, places: dict[str, str]) -> str:
    wanted = "-".join("".join(sign if sign.isalnum() else " " for sign in name).split()).lower()[:60] or "section"
    taken = set(places.values())
    place, number = wanted, 1
    while place in taken:
        number += 1
        place = f"{wanted}-{number}"
    return place


def _with_links(blocks: list[Node], places: dict[str, str], remarks: Remarks) -> list[Node]:
    def changed(each: Node) -> list[Node] | None:
        if each["t"] != "Link" or not each["c"][2][0].startswith("#"):
            return None
        _, inlines, (target, _) = each["c"]
        if place := places.get(unquote(target[1:]).casefold()):
            return [node("Link", [attributes(), inlines, [f"#{place}", ""]])]
        remarks.add("Links to headings that do not exist are left as text", target)
        return list(inlines)

    linked: list[Node] = replaced(blocks, changed)
    return linked


def headings_of(blocks: list[Node]) -> list[Heading]:
    """Every heading, numbered as 1, 1.1, 1.2, 2."""
    counts = [0] * LOWEST
    found = []
    for block in blocks:
        if block["t"] != "Header":
            continue
        level, (place, _, _), inlines = block["c"]
        counts = [*counts[: level - 1], counts[level - 1] + 1, *[0] * (LOWEST - level)]
        found.append(Heading(level, place, ".".join(map(str, counts[:level])), plain(inlines)))
    return found
