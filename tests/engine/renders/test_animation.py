"""Loops, as independent readers see them: how they begin, what they tell, and that they end as they began."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import pytest
from PIL import Image, ImageChops

from engine.renders import animation
from engine.renders.cards.breaking import balanced, greedy
from engine.renders.cards.counting import Count
from engine.renders.cards.course import Course
from engine.renders.cards.encoding import OUTPUTS, encoder
from engine.renders.cards.figures import Figures
from engine.renders.cards.numerals import grouped
from engine.renders.cards.palettes import PALETTES
from engine.renders.cards.table import read
from engine.renders.program import Fault
from tests.engine.renders.bench import Bench, film_of

LOOP = {
    "headline": "Ship it",
    "template": "spotlight",
    "palette": "indigo",
    "format": "landscape",
    "kind": "reveal",
    "seconds": 1,
    "output": "mp4",
}
RACE = {
    "kind": "bar_race",
    "template": "editorial",
    "palette": "paper",
    "table": "name,2019,2020\nAda,10,40\nBob,20,20",
}


def made(bench: Bench, **asked: Any) -> dict[str, Any]:
    return animation.run(bench.work(**{**LOOP, **asked}))


def poster(bench: Bench) -> Image.Image:
    return Image.open(bench.made / "poster.png").convert("RGB")


def unlike(one: Image.Image, other: Image.Image) -> float:
    """How much two pictures differ on average, 0 to 255."""
    other = other.resize(one.size)
    difference = ImageChops.difference(one.convert("RGB"), other.convert("RGB")).convert("L")
    return sum(difference.tobytes()) / (one.width * one.height)


def bar(image: Image.Image, colour: tuple[int, int, int], near: int = 24) -> tuple[int, int]:
    """The row with most of this colour, and how many pixels of it are there."""
    apart = ImageChops.difference(image, Image.new("RGB", image.size, colour))
    first, second, third = (channel.point([int(value < near) for value in range(256)]) for channel in apart.split())
    found = ImageChops.darker(ImageChops.darker(first, second), third).tobytes()
    counts = [sum(found[start : start + image.width]) for start in range(0, len(found), image.width)]
    return counts.index(max(counts)), max(counts)


def atoms(file: Path) -> list[str]:
    """The outermost parts of an MP4 (ISO/IEC 14496-12)."""
    content, at, names = file.read_bytes(), 0, []
    while at < len(content):
        names.append(content[at + 4 : at + 8].decode())
        at += int.from_bytes(content[at : at + 4], "big")
    return names


def test_a_reveal_begins_and_ends_with_its_ground_and_tells_all_in_between(bench: Bench) -> None:
    result = made(bench, subline="On a Monday")
    assert result == {
        "message": "A 1 s loop, 1200 × 630",
        "files": ["animation.mp4"],
        "preview": "poster.png",
        "seconds": 1.0,
    }
    film = film_of(bench.made / "animation.mp4")
    first, middle, last = (film.frames[number][1] for number in (0, 18, -1))
    assert (film.codec, film.size, len(film.frames)) == ("h264", (1200, 630), 30)
    assert unlike(first, last) < 1
    assert unlike(first, middle) > 5
    assert unlike(middle, poster(bench)) < 3, "and the poster is what it tells"
    assert sorted(file.name for file in bench.made.iterdir()) == ["animation.mp4", "poster.png"]


def test_a_film_begins_at_once_and_plays_everywhere(bench: Bench) -> None:
    made(bench, seconds=1)
    file = bench.made / "animation.mp4"
    names = atoms(file)
    assert names.index("moov") < names.index("mdat")
    container: Any
    with av.open(str(file)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.pix_fmt, stream.average_rate) == ("yuv420p", 30)


@pytest.mark.parametrize("template", ["editorial", "badge", "numbers"])
def test_templates_move_smoothly(bench: Bench, template: str) -> None:
    made(bench, template=template, headline="48 %\nof all", output="gif")
    film = film_of(bench.made / "animation.gif")
    steps = [unlike(one[1], other[1]) for one, other in pairwise(film.frames)]
    assert max(steps) < 0.75 * unlike(film.frames[0][1], film.frames[12][1]) + 0.5, "nothing comes all at once"


@pytest.mark.parametrize(("output", "rate"), [("gif", 20), ("webp", 25)])
def test_gif_and_webp_are_small_and_loop_for_ever(bench: Bench, output: str, rate: int) -> None:
    result = made(bench, output=output, format="story")
    assert (result["message"], result["seconds"]) == ("A 1 s loop, 405 × 720", 1.0)
    with Image.open(bench.made / f"animation.{output}") as loop:
        assert (loop.format, loop.size, loop.info["loop"]) == (output.upper(), (405, 720), 0)
        frames: int = loop.n_frames  # type: ignore[attr-defined]
        total = 0
        for number in range(frames):
            loop.seek(number)
            loop.load()
            total += int(loop.info["duration"])
    assert total == pytest.approx(1000, abs=1000 / rate)


def test_a_gif_keeps_the_accent_of_small_ornaments(bench: Bench) -> None:
    made(bench, output="gif", label="News", palette="sunset")
    film = film_of(bench.made / "animation.gif")
    _, width = bar(film.frames[12][1].crop((0, 0, 300, 120)), PALETTES["sunset"].deep.accent)
    assert 4 <= width <= 10, "the dot before the label"


def test_progress_rises_with_the_frames(bench: Bench) -> None:
    made(bench)
    told = bench.told("progress")
    assert (len(told), told[-1]) == (30, 100)
    assert told == sorted(told)


def test_a_number_counts_to_its_end_and_stays_there(bench: Bench) -> None:
    made(bench, kind="count_up", start=0, end=1250, suffix=" users", palette="paper")
    film = film_of(bench.made / "animation.mp4")
    assert unlike(film.frames[0][1], film.frames[10][1]) > 1
    assert unlike(film.frames[24][1], film.frames[25][1]) < 0.2
    assert unlike(film.frames[25][1], poster(bench)) < 3
    to_1250 = poster(bench)
    made(bench, kind="count_up", start=0, end=1251, suffix=" users", palette="paper")
    left, _, right, _ = ImageChops.difference(to_1250, poster(bench)).getbbox() or (0, 0, 0, 0)
    assert 20 < right - left < 120, "one digit differs, and nothing else has moved"


@pytest.mark.parametrize(
    ("count", "share", "number"),
    [
        (Count(0, 1_250_000), 0.5, "625,000"),
        (Count(0, 1_250_000), 1, "1,250,000"),
        (Count(12.5, -7.25), 0, "12.50"),
        (Count(12.5, -7.25), 1, "−7.25"),
        (Count(-1, 1), 0.5001, "0"),
        (Count(1, -1), 0.501, "0"),
    ],
)
def test_a_number_on_its_way_is_grouped_and_keeps_its_decimals(count: Count, share: float, number: str) -> None:
    assert count.number(share) == number


def test_every_digit_is_as_wide_as_the_others() -> None:
    for face in ("display", "text-bold"):
        figures = Figures(face, 60)
        assert len({round(figures.width(grouped(value, 0)), 3) for value in (1111, 8888, 1234, 9070)}) == 1


def test_bars_have_the_length_of_their_values_and_the_order_of_their_places(bench: Bench) -> None:
    made(bench, **RACE)
    ada, bob = PALETTES["paper"].light.series[:2]
    end = poster(bench)
    first = film_of(bench.made / "animation.mp4").frames[0][1]
    for image, order in ((end, (ada, bob)), (first, (bob, ada))):
        zone = image.crop((0, 230, 1200, 630))
        leads, follows = (bar(zone, colour) for colour in order)
        assert leads[0] < follows[0], "who leads is above"
        assert leads[1] / follows[1] == pytest.approx(2, rel=0.02)


def test_bars_pass_each_other_where_their_values_cross() -> None:
    course = Course(read("name,a,b\nAda,0,30\nBob,10,10"), 10)
    seconds = [0.5 + 7.3 * step / 200 for step in range(200)]
    ahead = {round(second, 2): course.standings(second)[-1].row for second in seconds}
    crossing = next(second for second, row in ahead.items() if row == 0)
    assert course.position(crossing) == pytest.approx(1 / 3, abs=0.02)
    places = [{each.row: each.place for each in course.standings(second)}[0] for second in seconds]
    assert max(abs(one - other) for one, other in pairwise(places)) < 0.17, "it glides"
    assert [places[0], places[-1]] == pytest.approx([1, 0])


@pytest.mark.parametrize(
    "table",
    [
        "name,1,2\nOnly,5,9",
        "name,1,2\nA,0,0\nB,0,0",
        "name,1,2\n" + "\n".join(f"Row {n},{n},{20 - n}" for n in range(20)),
    ],
    ids=["one row", "all zeros", "twenty rows"],
)
def test_odd_tables_race_as_well(bench: Bench, table: str) -> None:
    made(bench, **{**RACE, "table": table, "output": "gif"})
    assert film_of(bench.made / "animation.gif").size == (720, 378)
    more = bench.told("log")
    assert more == (["The 8 leading of 20 bars have room at once"] if "Row 8" in table else [])


def test_names_that_cannot_be_drawn_are_told_and_the_race_is_run(bench: Bench) -> None:
    made(bench, **{**RACE, "table": "name,1,2\n東京,1,2\nOslo,2,3", "output": "gif"})
    assert bench.told("log") == ["Table: left out what the font does not have: 京 東"]


@pytest.mark.parametrize("asked", [{"table": "name,1,2\nA,x,2"}, {"output": "mp4", "picture": __file__}])
def test_what_cannot_be_drawn_is_a_fault(bench: Bench, asked: dict[str, Any]) -> None:
    with pytest.raises(Fault, match=r"Table must have a number|The picture .* cannot be read"):
        made(bench, **{**RACE, **asked})


def test_what_ffmpeg_refuses_is_told_in_its_words(tmp_path: Path) -> None:
    with pytest.raises(Fault, match=r"ffmpeg ended with code \d+: .*not divisible by 2"):
        write_odd_frames(tmp_path / "film.mp4")


def write_odd_frames(file: Path) -> None:
    odd = Image.new("RGB", (33, 33))
    with encoder(file, OUTPUTS["mp4"], odd.size, 1) as film:
        for _ in range(2000):  # more than a pipe holds
            film.write(odd)


def by_letters(text: str) -> float:
    return float(len(text))


@pytest.mark.parametrize(
    ("broken", "text", "lines"),
    [
        (greedy, "one two three four", ["one two three", "four"]),
        (balanced, "one two three four", ["one two", "three four"]),
        (balanced, "kept\nas it was written", ["kept", "as it was", "written"]),
        (balanced, "incomprehensibilities", ["incompr-", "ehensib-", "ilities"]),
        (balanced, "12345678901234567890", ["1234567890", "1234567890"]),
    ],
)
def test_lines_are_of_like_lengths_and_long_words_are_broken(
    broken: Callable[..., list[str]], text: str, lines: list[str]
) -> None:
    assert broken(text, by_letters, 13 if "one" in text or "kept" in text else 10) == lines
