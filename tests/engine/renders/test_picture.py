"""Cards: their size, what stays within the margins, what can be read, and what becomes of awkward pictures and text."""

import struct
import zlib
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops

from engine.renders import picture
from engine.renders.cards.canvas import CANVASES
from engine.renders.cards.card import card_of
from engine.renders.cards.palettes import PALETTES
from engine.renders.cards.scene import Entry, lay
from engine.renders.cards.templates import TEMPLATES
from engine.renders.program import Fault
from tests.engine.renders.bench import Bench

Colour = tuple[int, int, int]

WHITE, BLACK = (255, 255, 255), (0, 0, 0)
CARD = {
    "headline": "Ship faster with a team",
    "subline": "How twelve agents and three people publish a week.",
    "label": "Case study",
    "template": "spotlight",
    "palette": "indigo",
    "format": "landscape",
    "output": "png",
}
LONG = {
    "headline": "Everything that happened between the first commit and the day the team trusted the queue " * 2,
    "subline": "A very long subline that goes on about retries, approvals, leases, fences and outboxes. " * 3,
    "label": "Forty characters of a label, at the most",
}
WORD = {
    "headline": "Donaudampfschifffahrtsgesellschaftskapitänsmützenabzeichen" * 3,
    "subline": "x" * 300,
    "label": "W" * 40,
}


def drawn(bench: Bench, **asked: Any) -> Image.Image:
    """The card that was stored."""
    result = picture.run(bench.work(**{**CARD, **asked}))
    return Image.open(bench.made / result["preview"]).convert("RGB")


def pixels(image: Image.Image) -> Iterator[Colour]:
    channels = iter(image.convert("RGB").tobytes())
    return zip(channels, channels, channels, strict=True)


def contrast(one: Colour, other: Colour) -> float:
    """By the formula of WCAG 2.2, written once more."""
    linear = [
        [((c / 255 + 0.055) / 1.055) ** 2.4 if c > 10 else c / 255 / 12.92 for c in each] for each in (one, other)
    ]
    dark, light = sorted(0.2126 * red + 0.7152 * green + 0.0722 * blue for red, green, blue in linear)
    return (light + 0.05) / (dark + 0.05)


def least_contrast(bench: Bench, **asked: Any) -> float:
    """Of every line of text with what lies behind it."""
    work = bench.work(**{**CARD, **asked})
    scene = TEMPLATES[work.asked["template"]](card_of(work))
    behind, found = scene.ground.copy(), []
    for part in scene.parts:
        box = (part.x, part.y, part.x + part.layer.width, part.y + part.layer.height)
        is_ornament = part.layer.width == part.layer.height or (work.asked["template"], part.turn) == ("quote", 0)
        if part.entry is Entry.RISE and not is_ornament:
            ink = next(pixels(part.layer.crop((0, 0, 1, 1)).convert("RGB")))
            spots = behind.crop(box).reduce(max(1, min(12, part.layer.height // 2)))
            found.append(min(contrast(spot, ink) for spot in pixels(spots)))
        lay(behind, part.layer, part.x, part.y)
    return min(found)


def plain(file: Path, colour: tuple[int, ...], size: tuple[int, int] = (64, 48)) -> str:
    Image.new("RGBA" if len(colour) == 4 else "RGB", size, colour).save(file)
    return str(file)


@pytest.mark.parametrize(("template", "form"), list(zip(TEMPLATES, list(CANVASES) * 2, strict=True)))
def test_every_template_and_format_gives_a_card_with_a_thumbnail(bench: Bench, template: str, form: str) -> None:
    card = drawn(bench, template=template, format=form)
    size = {"landscape": (1200, 630), "square": (1080, 1080), "story": (1080, 1920)}[form]
    small = Image.open(bench.made / "thumbnail.webp").convert("RGB")
    assert (card.size, small.size) == (size, (480, round(size[1] * 480 / size[0])))
    difference = ImageChops.difference(card.resize(small.size, Image.Resampling.LANCZOS), small).convert("L")
    assert sum(difference.tobytes()) / (small.width * small.height) < 4, "the small one is the large one, small"


@pytest.mark.parametrize(("template", "form"), list(product(TEMPLATES, CANVASES)))
@pytest.mark.parametrize("text", [LONG, WORD], ids=["much text", "endless words"])
def test_no_text_leaves_the_margins(bench: Bench, template: str, form: str, text: dict[str, str]) -> None:
    words = {name: value[: {"headline": 200, "subline": 300, "label": 40}[name]] for name, value in text.items()}
    logo = plain(bench.folder / "logo.png", (250, 40, 40, 255))
    work = bench.work(**{**CARD, **words, "template": template, "format": form, "logo": logo})
    card = card_of(work)
    lines = [part for part in TEMPLATES[template](card).parts if part.entry is Entry.RISE]
    edge = card.canvas.px(40)
    assert min(part.x for part in lines) >= edge
    assert max(part.x + part.layer.width for part in lines) <= card.canvas.width - edge
    assert min(part.y for part in lines) >= edge // 2
    assert max(part.y + part.layer.height for part in lines) <= card.canvas.height - edge
    tops = [(part.y, part.y + part.layer.height, part.x, part.x + part.layer.width) for part in lines]
    overlaps = [
        (a, b) for a, b in product(tops, tops) if a < b and b[0] < a[1] - a[1] // 40 and a[2] < b[3] and b[2] < a[3]
    ]
    assert all(b[0] - a[0] > 10 for a, b in overlaps), "lines may touch by their tails, and lie over no other"


@pytest.mark.parametrize("palette", PALETTES)
def test_all_text_can_be_read_on_what_is_behind_it(bench: Bench, palette: str) -> None:
    for template in TEMPLATES:
        assert least_contrast(bench, template=template, palette=palette) >= 4.5, template


@pytest.mark.parametrize(("template", "colour"), [(t, c) for t in ("spotlight", "numbers") for c in (WHITE, BLACK)])
def test_text_can_be_read_on_any_picture(bench: Bench, template: str, colour: Colour) -> None:
    behind = plain(bench.folder / "picture.png", colour)
    for palette in ("indigo", "paper"):
        assert least_contrast(bench, template=template, palette=palette, picture=behind) >= 4.5


@pytest.mark.parametrize("colours", [["#FFE14D", "#E4003A"], ["#0B3D2E", "#FF7F50"], ["#8844EE", "#FFDD00", "#FFFFFF"]])
def test_own_colours_are_the_ground_and_stay_readable(bench: Bench, colours: list[str]) -> None:
    card = drawn(bench, template="editorial", colours=colours)
    ground = tuple(bytes.fromhex(colours[0][1:]))
    assert card.getpixel((5, 5)) == ground
    assert tuple(bytes.fromhex(colours[1][1:])) in set(pixels(card)), "the accent bar"
    for template in TEMPLATES:
        assert least_contrast(bench, template=template, colours=colours) >= 4.4, template


def test_the_templates_look_unlike_each_other(bench: Bench) -> None:
    works = (bench.work(**{**CARD, "template": template}) for template in TEMPLATES)
    stills = (TEMPLATES[work.asked["template"]](card_of(work)).still() for work in works)
    cards = [still.resize((60, 32)).convert("L") for still in stills]
    for one, other in product(cards, cards):
        if one is not other:
            assert sum(ImageChops.difference(one, other).tobytes()) / (60 * 32) > 4


def test_the_same_work_gives_the_same_picture(bench: Bench) -> None:
    first = drawn(bench, template="split").tobytes()
    assert drawn(bench, template="split").tobytes() == first
    assert drawn(bench, template="split", headline="Another").crop((700, 0, 1200, 630)).tobytes() != first


def test_a_few_words_are_larger_than_many(bench: Bench) -> None:
    def height(headline: str) -> int:
        work = bench.work(**{**CARD, "headline": headline, "subline": "", "label": ""})
        return max(part.layer.height for part in TEMPLATES["spotlight"](card_of(work)).parts if part.turn)

    assert height("Help") > height("Help for those who ask for it") > height("Help " * 40)


def test_the_first_line_of_numbers_is_the_large_one(bench: Bench) -> None:
    work = bench.work(**{**CARD, "headline": "98 %\nof all jobs", "template": "numbers"})
    lines = [part for part in TEMPLATES["numbers"](card_of(work)).parts if part.entry is Entry.RISE]
    number, meaning = (next(line.layer.height for line in lines if line.turn == turn) for turn in (1, 3))
    assert number > 3 * meaning


@pytest.mark.parametrize("output", ["png", "webp"])
def test_the_card_is_the_kind_of_file_that_was_asked_for(bench: Bench, output: str) -> None:
    result = picture.run(bench.work(**{**CARD, "output": output, "headline": "Two\nlines"}))
    assert result == {
        "message": "A 1200 × 630 card",
        "files": [f"card.{output}"],
        "preview": f"card.{output}",
        "thumbnail": "thumbnail.webp",
        "alt": "Two lines – How twelve agents and three people publish a week.",
    }
    assert Image.open(bench.made / f"card.{output}").format == output.upper()
    assert bench.told("progress")[-1] == 100


def test_signs_that_the_font_lacks_are_left_out_and_told(bench: Bench) -> None:
    with_them = drawn(bench, headline="Ship \U0001f680 it\u202e \u05e9\u05dc\u05d5\u05dd", subline="", label="")
    lacking = "\u05d5 \u05dc \u05dd \u05e9 \U0001f680"
    assert bench.told("log") == [f"Headline: left out what the font does not have: {lacking}"]
    assert with_them.tobytes() == drawn(bench, headline="Ship it", subline="", label="").tobytes()


def test_a_headline_of_which_nothing_can_be_drawn_is_a_fault(bench: Bench) -> None:
    with pytest.raises(Fault, match="Headline has no letters that can be drawn"):
        drawn(bench, headline="مرحبا")


def test_what_a_picture_lets_through_is_the_palettes_colour(bench: Bench) -> None:
    glass = plain(bench.folder / "glass.png", (255, 0, 0, 0))
    assert drawn(bench, template="split", picture=glass).getpixel((1000, 300)) == PALETTES["indigo"].deep.far
    red = plain(bench.folder / "red.png", (250, 10, 10, 255))
    assert drawn(bench, template="split", picture=red).getpixel((1000, 300)) == (250, 10, 10)


@pytest.mark.parametrize("template", ["spotlight", "split", "badge", "quote"])
def test_a_logo_is_seen_though_it_has_the_grounds_colour(bench: Bench, template: str) -> None:
    colours = ["#FFFFFF", "#4F46E5"]
    white = plain(bench.folder / "logo.png", (255, 255, 255, 255), (120, 60))
    Image.open(white).crop((-20, -20, 140, 80)).save(white)  # with clear space around it
    bare = drawn(bench, template=template, colours=colours)
    box = ImageChops.difference(bare, drawn(bench, template=template, colours=colours, logo=white)).getbbox()
    assert box is not None, "there is something to be seen"
    shown = Image.open(bench.made / "card.png").convert("RGB").crop(box)
    darkest, lightest = (choose(pixels(shown), key=sum) for choose in (min, max))
    assert contrast(darkest, lightest) > 3


def test_a_logo_that_is_clear_all_over_is_left_out(bench: Bench) -> None:
    clear = plain(bench.folder / "logo.png", (255, 255, 255, 0))
    assert drawn(bench, template="spotlight", logo=clear).tobytes() == drawn(bench, template="spotlight").tobytes()


@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (3000, 1)])
def test_pictures_and_logos_may_have_any_shape(bench: Bench, size: tuple[int, int]) -> None:
    thin = plain(bench.folder / "thin.png", (200, 30, 30, 255), size)
    for template in ("spotlight", "badge", "quote"):
        assert drawn(bench, template=template, picture=thin, logo=thin, output="webp").size == (1200, 630)


@pytest.mark.parametrize("name", ["picture", "logo"])
def test_a_broken_picture_is_a_fault_that_names_it(bench: Bench, name: str) -> None:
    whole = bench.folder / "whole.png"
    plain(whole, (1, 2, 3), (400, 400))
    broken = bench.folder / f"{name}.png"
    broken.write_bytes(whole.read_bytes()[:60])
    with pytest.raises(Fault, match=rf"The picture {name}\.png cannot be read"):
        drawn(bench, **{name: str(broken)})


def test_a_picture_of_too_many_pixels_is_never_unpacked(bench: Bench) -> None:
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 1000)), (b"IEND", b""))
    bomb = bench.folder / "picture.png"
    bomb.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + b"".join(struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in chunks)
    )
    with pytest.raises(Fault, match="must have at most 50,000,000 pixels"):
        drawn(bench, picture=str(bomb))
