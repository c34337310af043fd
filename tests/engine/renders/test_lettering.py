"""Text in pictures fits its box, can be read on its ground, and pictures that would harm are refused."""

from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from engine.renders.colours import INK, WHITE, contrast, ink_on, mixed
from engine.renders.lettering import drawable, fit, font, opened, wrapped
from engine.renders.program import Fault

LONG_WORD = "Donaudampfschifffahrtsgesellschaftskapitän"


@pytest.mark.parametrize("text", ["Hello", "Hello wide world, how are you today?", LONG_WORD, "", "a\n\nb"])
@pytest.mark.parametrize("box", [(300, 200), (120, 400), (900, 60)])
def test_text_is_as_large_as_its_box_allows_and_never_larger(text: str, box: tuple[int, int]) -> None:
    letters = fit(text, "display", *box, largest=90, smallest=12)
    assert letters.width <= box[0]
    assert letters.height <= box[1]
    assert 12 <= letters.font.size <= 90
    if letters.font.size < 90 and text.strip():
        larger = font("display", int(letters.font.size) + 1)
        lines = wrapped(text, larger, box[0])
        overflows = round((letters.font.size + 1) * 1.2) * len(lines) > box[1]
        breaks = any(larger.getlength(word) > box[0] for word in text.split())
        assert overflows or breaks


def test_words_stay_whole_as_long_as_a_size_lets_them() -> None:
    letters = fit(LONG_WORD, "display", 700, 400, largest=90, smallest=12)
    assert letters.lines == (LONG_WORD,)
    broken = fit(LONG_WORD, "display", 120, 400, largest=90, smallest=30)
    assert "".join(broken.lines) == LONG_WORD
    assert len(broken.lines) > 1


@pytest.mark.parametrize("text", ["98.7 %", "a Donaudampfschiff b", "x y"])
def test_no_word_is_broken_to_make_lines_alike(text: str) -> None:
    letters = fit(text, "display", 896, 730, largest=380, smallest=54, leading=1.02)
    assert " ".join(letters.lines).split() == text.split()


def test_lines_are_of_like_length() -> None:
    letters = fit("Revenue grew by 18 %", "display", 330, 120, largest=36, smallest=36)
    assert letters.lines == ("Revenue", "grew by 18 %")


def test_what_is_too_much_ends_with_an_ellipsis() -> None:
    letters = fit("word " * 200, "text", 200, 60, largest=40, smallest=20)
    assert letters.height <= 60
    assert letters.lines[-1].endswith("…")
    assert letters.width <= 200


def test_signs_that_the_font_lacks_are_left_out_and_named() -> None:
    assert drawable("Grüße 🚀 Ελλάδα Привет") == ("Grüße  Ελλάδα Привет", "🚀")
    assert drawable("e\u0301") == ("é", "")


def test_text_can_be_read_on_any_ground() -> None:
    for share in range(11):
        for other in ((255, 0, 0), (0, 160, 90), (250, 220, 0), WHITE):
            ground = mixed(INK, other, share / 10)
            assert contrast(ink_on(ground), ground) >= 4.2
    assert round(contrast(WHITE, (0, 0, 0)), 1) == 21.0


def test_letters_are_drawn_where_they_are_told_to(tmp_path: Path) -> None:
    picture = Image.new("RGB", (400, 100))
    letters = fit("mm", "display", 400, 80, largest=40, smallest=40)
    letters.draw(ImageDraw.Draw(picture), 0, 20, WHITE, width=400, align="right")
    left, top, right, _ = picture.getbbox() or (0, 0, 0, 0)
    assert left > 300
    assert 395 <= right <= 400
    assert top >= 20


def test_a_picture_that_somebody_gave_is_upright_and_opaque_or_not(tmp_path: Path) -> None:
    lying = Image.new("RGB", (40, 20), (255, 0, 0))
    exif = lying.getexif()
    exif[0x0112] = 6  # turned by a quarter
    lying.save(tmp_path / "lying.jpg", exif=exif)
    assert opened(tmp_path / "lying.jpg").size == (20, 40)
    Image.new("RGBA", (4, 4), (0, 0, 0, 0)).save(tmp_path / "clear.png")
    assert opened(tmp_path / "clear.png").getpixel((0, 0)) == (0, 0, 0, 0)


def test_a_broken_picture_and_one_that_would_not_fit_in_memory_are_refused_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"nothing")
    with pytest.raises(Fault, match=r"The picture broken\.png cannot be read"):
        opened(tmp_path / "broken.png")
    Image.new("1", (900, 900)).save(tmp_path / "bomb.png")
    with pytest.raises(Fault, match=r"bomb\.png must have at most 10,000 pixels"):
        opened(tmp_path / "bomb.png", most=10_000)
    Image.new("L", (120, 100)).save(tmp_path / "big.png")
    with pytest.raises(Fault, match="must have at most 10,000 pixels, not 120 × 100"):
        opened(tmp_path / "big.png", most=10_000)
    whole = (tmp_path / "big.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(Fault, match=r"cut\.png cannot be read"):
        opened(tmp_path / "cut.png")
