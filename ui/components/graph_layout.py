"""Where the steps of a workflow stand when they are drawn: in columns, each after those that come before it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

WIDTH, HEIGHT = 188, 74  # of a step, in pixels
GAP_X, GAP_Y = 40, 14
LANE = 26  # what a line takes that passes a column
SWEEPS = 4
MOST_LANES = 2000

Point = tuple[float, float]


@dataclass(frozen=True)
class Layout:
    """The upper left corner of each step, and the points through which each line goes; in pixels."""

    width: float
    height: float
    steps: dict[str, Point]
    lines: dict[tuple[str, str], tuple[Point, ...]]


def layout(names: Sequence[str], edges: Iterable[tuple[str, str]]) -> Layout:
    """`names` in an order in which each comes after those before it; edges that others imply are not drawn."""
    drawn = without_implied(names, edges)
    columns = _columns(names, drawn)
    chains = _chains(drawn, columns)
    order = _ordered(names, columns, chains)
    centres = _centres(order)
    steps = {name: (float(columns[name] * (WIDTH + GAP_X)), centres[name] - HEIGHT / 2) for name in names}
    lines = {edge: _points(edge, chain, columns, centres) for edge, chain in chains.items()}
    heights = [sum(_height(part) for part in column) + GAP_Y * (len(column) - 1) for column in order]
    width = len(order) * (WIDTH + GAP_X) - GAP_X if order else 0
    return Layout(width, max(heights, default=0), steps, lines)


def without_implied(names: Sequence[str], edges: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """The edges without those that say what a longer way says already."""
    bit = {name: 1 << place for place, name in enumerate(names)}
    after: dict[str, list[str]] = {name: [] for name in names}
    for first, second in edges:
        after[first].append(second)
    reached: dict[str, int] = {}
    kept = []
    for name in reversed(names):
        beyond = 0
        for other in after[name]:
            beyond |= reached[other]
        kept += [(name, other) for other in after[name] if not beyond & bit[other]]
        reached[name] = beyond
        for other in after[name]:
            reached[name] |= bit[other]
    return list(reversed(kept))


def _columns(names: Sequence[str], edges: Sequence[tuple[str, str]]) -> dict[str, int]:
    before: dict[str, list[str]] = {name: [] for name in names}
    for first, second in edges:
        before[second].append(first)
    columns: dict[str, int] = {}
    for name in names:
        columns[name] = max((columns[other] + 1 for other in before[name]), default=0)
    return columns


def _chains(edges: Sequence[tuple[str, str]], columns: Mapping[str, int]) -> dict[tuple[str, str], list[str]]:
    """For each line, the lanes that it takes in the columns that it passes; of very many lines, none."""
    lanes = 0
    chains: dict[tuple[str, str], list[str]] = {}
    for first, second in edges:
        passed = range(columns[first] + 1, columns[second])
        lanes += len(passed)
        chains[first, second] = [f"{first}\0{second}\0{column}" for column in passed] if lanes <= MOST_LANES else []
    return chains


def _ordered(
    names: Sequence[str], columns: Mapping[str, int], chains: Mapping[tuple[str, str], list[str]]
) -> list[list[str]]:
    """Each column from top to bottom, so that few lines cross: each part near the middle of its neighbours."""
    order: list[list[str]] = [[] for _ in range(max(columns.values(), default=-1) + 1)]
    before: dict[str, list[str]] = {}
    after: dict[str, list[str]] = {}
    for name in names:
        order[columns[name]].append(name)
    for (first, second), chain in chains.items():
        for place, lane in enumerate(chain):
            order[columns[first] + 1 + place].append(lane)
        way = [first, *chain, second]
        for one, next_one in pairwise(way):
            after.setdefault(one, []).append(next_one)
            before.setdefault(next_one, []).append(one)
    for sweep in range(SWEEPS):
        neighbours, sequence = (before, order[1:]) if sweep % 2 == 0 else (after, order[-2::-1])
        rows = {part: row for column in order for row, part in enumerate(column)}
        for column in sequence:
            middles = {part: _middle(neighbours.get(part, []), rows, rows[part]) for part in column}
            column.sort(key=middles.__getitem__)
            rows |= {part: row for row, part in enumerate(column)}
    return order


def _middle(neighbours: Sequence[str], place: Mapping[str, int], own: int) -> float:
    return sum(place[part] for part in neighbours) / len(neighbours) if neighbours else own


def _centres(order: Sequence[Sequence[str]]) -> dict[str, float]:
    """The height of each part's middle; each column stands in the middle."""
    heights = [sum(_height(part) for part in column) + GAP_Y * (len(column) - 1) for column in order]
    tallest = max(heights, default=0)
    centres: dict[str, float] = {}
    for column, height in zip(order, heights, strict=True):
        at = (tallest - height) / 2
        for part in column:
            centres[part] = at + _height(part) / 2
            at += _height(part) + GAP_Y
    return centres


def _height(part: str) -> float:
    return LANE if "\0" in part else HEIGHT


def _points(
    edge: tuple[str, str], chain: Sequence[str], columns: Mapping[str, int], centres: Mapping[str, float]
) -> tuple[Point, ...]:
    first, second = edge
    left = columns[first] * (WIDTH + GAP_X)
    points: list[Point] = [(left + WIDTH, centres[first])]
    for place, lane in enumerate(chain):
        at = (columns[first] + 1 + place) * (WIDTH + GAP_X)
        points += [(at, centres[lane]), (at + WIDTH, centres[lane])]
    return (*points, (columns[second] * (WIDTH + GAP_X), centres[second]))


def path_of(points: Sequence[Point]) -> str:
    """The line as SVG says it: bent between columns, straight where it passes one."""
    (x, y), *rest = points
    path = f"M{x:.0f} {y:.0f}"
    for place, (to_x, to_y) in enumerate(rest):
        if place % 2:
            path += f" H{to_x:.0f}"
        else:
            bend = (to_x - x) / 2
            path += f" C{x + bend:.0f} {y:.0f} {to_x - bend:.0f} {to_y:.0f} {to_x:.0f} {to_y:.0f}"
        x, y = to_x, to_y
    return path
