"""Graphs: each step right of those before it, none over another, and no line that says what others say already."""

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from ui.components.graph_layout import HEIGHT, WIDTH, layout, path_of, without_implied

Edges = list[tuple[str, str]]


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[str], Edges]:
    """Names in an order in which each comes after those before it, and edges."""
    names = [f"s{number}" for number in range(draw(st.integers(1, 14)))]
    edges = draw(st.lists(st.sampled_from(list(combinations(names, 2)) or [("", "")]), unique=True, max_size=40))
    return names, [edge for edge in edges if edge[0]]


@given(graphs())
def test_each_step_stands_right_of_those_before_it_and_over_no_other(graph: tuple[list[str], Edges]) -> None:
    names, edges = graph
    made = layout(names, edges)
    for first, second in edges:
        assert made.steps[first][0] + WIDTH < made.steps[second][0]
    for (x, y), (other_x, other_y) in combinations(made.steps.values(), 2):
        assert x != other_x or abs(y - other_y) >= HEIGHT
    for x, y in made.steps.values():
        assert 0 <= x <= made.width - WIDTH
        assert -0.01 <= y <= made.height - HEIGHT + 0.01


@given(graphs())
def test_every_line_that_is_left_out_is_said_by_others(graph: tuple[list[str], Edges]) -> None:
    names, edges = graph
    kept = without_implied(names, edges)

    def reached(lines: Edges) -> set[tuple[str, str]]:
        found = set(lines)
        for first in reversed(names):
            for second in [b for a, b in lines if a == first]:
                found |= {(first, beyond) for a, beyond in found if a == second}
        return found

    assert reached(kept) == reached(edges)
    assert all(reached([other for other in kept if other != edge]) != reached(kept) for edge in kept)


def test_a_line_that_passes_a_column_goes_straight_through_it_beside_the_steps_there() -> None:
    made = layout(["a", "b", "c", "d"], [("a", "b"), ("b", "d"), ("a", "c"), ("c", "d"), ("a", "d")])
    assert ("a", "d") not in made.lines
    names, edges = ["a", "b", "c", "d", "e"], [("a", "b"), ("b", "c"), ("c", "e"), ("d", "e")]
    long = layout([*names[:3], "d", "e"], [*edges, ("a", "d")]).lines["d", "e"]
    assert len(long) == 4, "from d, into the lane, along it, and to e"
    assert long[1][1] == long[2][1]
    assert path_of(long).count("H") == 1
