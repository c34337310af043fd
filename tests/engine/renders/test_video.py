"""Films: every scene is seen when it should be, captions and sounds too, as an independent reader decodes them."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from engine.renders import video
from engine.renders.captions import captions_of, webvtt
from engine.renders.program import Fault
from engine.renders.scenes import Scene
from tests.engine.renders.bench import Bench, film_of, tone

RED, GREEN, BLUE = "#D01010", "#10A010", "#1010D0"
SIZE = (320, 180)


def scene(colour: str | None = None, **more: Any) -> dict[str, Any]:
    plain = {"text": "", "image": None, "colour": colour, "caption": "", "seconds": 1.0, "transition": "cut"}
    return plain | more


def film(bench: Bench, *scenes: dict[str, Any], **more: Any) -> dict[str, Any]:
    asked = {"size": SIZE, "scenes": list(scenes), "colour": BLUE, "captions": True, "title": "", **more}
    return video.run(bench.work(**asked))


def is_mostly(colour: tuple[int, int, int], channel: int) -> bool:
    return all(colour[channel] > 1.8 * other for number, other in enumerate(colour) if number != channel)


def test_each_scene_is_seen_for_its_time_and_the_whole_is_h264_of_the_size(bench: Bench) -> None:
    result = film(bench, scene(RED), scene(GREEN, seconds=2.0), scene())
    seen = film_of(bench.made / "video.mp4")
    assert (seen.size, seen.codec, seen.sound_codec) == (SIZE, "h264", None)
    assert seen.seconds == pytest.approx(4.0, abs=0.07)
    assert len(seen.frames) == 120
    for second, channel in ((0.1, 0), (0.9, 0), (1.1, 1), (2.9, 1), (3.1, 2), (3.9, 2)):
        assert is_mostly(seen.colour(second, 0.5, 0.5), channel), second
    assert result["message"] == "A video of 4 s, 320 × 180"
    assert result["files"] == ["thumbnail.jpg", "video.mp4"]


def test_a_transition_mixes_two_scenes_and_then_is_over(bench: Bench) -> None:
    film(bench, scene(RED), scene(GREEN, transition="fade"), scene(BLUE, transition="slide"))
    seen = film_of(bench.made / "video.mp4")
    red, green, _ = seen.colour(1.25, 0.5, 0.5)
    assert 40 < red < 180
    assert 40 < green < 150
    assert is_mostly(seen.colour(1.6, 0.5, 0.5), 1)
    assert is_mostly(seen.colour(2.25, 0.1, 0.5), 1), "slides in from the right"
    assert is_mostly(seen.colour(2.25, 0.9, 0.5), 2)


def test_a_headline_is_drawn_and_a_picture_fills_its_scene(bench: Bench, tmp_path: Path) -> None:
    Image.new("RGB", (640, 360), (240, 200, 20)).save(tmp_path / "yellow.png")
    film(bench, scene(BLUE, text="HHHH"), scene(image=str(tmp_path / "yellow.png")))
    seen = film_of(bench.made / "video.mp4")
    _, first = seen.frames[10]
    white = first.convert("L").point(lambda value: 255 if value > 200 else 0)
    assert white.histogram()[255] > 500
    left, *_ = white.getbbox() or (0,)
    assert left >= SIZE[1] * 0.07, "a margin is kept"
    for x, y in ((0.02, 0.02), (0.98, 0.98), (0.5, 0.5)):
        red, green, blue = seen.colour(1.5, x, y)
        assert (red > 200, green > 160, blue < 80) == (True, True, True)


def test_captions_lie_over_the_scene_while_they_are_said_and_come_as_a_file(bench: Bench) -> None:
    said = "This is said in the first scene. " * 6
    result = film(bench, scene(RED, caption=said, seconds=2.0), scene(GREEN))
    seen = film_of(bench.made / "video.mp4")
    for second in (0.3, 1.0, 1.8):
        assert not is_mostly(seen.colour(second, 0.5, 0.9), 0), "the plate of the caption"
    assert is_mostly(seen.colour(2.5, 0.12, 0.9), 1), "none where nothing is said"
    text = (bench.made / "captions.vtt").read_text()
    assert text.startswith("WEBVTT\n\n00:00:00.000 --> ")
    assert " ".join(said.split()) == " ".join(line for line in text.splitlines()[1:] if line and "-->" not in line)
    assert result["files"] == ["captions.vtt", "thumbnail.jpg", "video.mp4"]


def test_captions_that_are_not_burnt_in_come_as_a_file_only(bench: Bench) -> None:
    film(bench, scene(RED, caption="Hello"), captions=False)
    seen = film_of(bench.made / "video.mp4")
    assert is_mostly(seen.colour(0.5, 0.5, 0.92), 0)
    assert "Hello" in (bench.made / "captions.vtt").read_text()


def test_music_goes_on_to_the_end_and_a_voice_lies_over_it(bench: Bench, tmp_path: Path) -> None:
    music, voice = tone(tmp_path / "music.wav", 0.5), tone(tmp_path / "voice.wav", 1.0)
    film(bench, scene(RED, seconds=4.0), music=str(music), voice=str(voice))
    seen = film_of(bench.made / "video.mp4")
    assert seen.sound_codec == "aac"
    assert seen.seconds == pytest.approx(4.0, abs=0.1)
    assert seen.loud(0.2, 0.9) > 2 * seen.loud(1.2, 2.4) > 0.05, "the voice is the louder one, the music goes on"
    assert seen.loud(3.85, 3.95) < 0.5 * seen.loud(1.2, 2.4), "and fades out"


def test_a_voice_alone_is_heard_as_it_is_and_a_long_one_does_not_lengthen_the_film(
    bench: Bench, tmp_path: Path
) -> None:
    film(bench, scene(RED, seconds=1.0), voice=str(tone(tmp_path / "voice.wav", 5.0)))
    seen = film_of(bench.made / "video.mp4")
    assert seen.seconds == pytest.approx(1.0, abs=0.1)
    assert seen.loud(0.2, 0.8) > 0.4


def test_the_thumbnail_is_the_first_scene_with_something_in_it(bench: Bench, tmp_path: Path) -> None:
    Image.new("RGB", (640, 360), (240, 200, 20)).save(tmp_path / "yellow.png")
    film(bench, scene(RED), scene(image=str(tmp_path / "yellow.png")))
    with Image.open(bench.made / "thumbnail.jpg") as picture:
        assert picture.size == (640, 360)
        red, green, blue = picture.convert("RGB").getpixel((320, 180))  # type: ignore[misc]
    assert (red > 200, green > 160, blue < 80) == (True, True, True)


def test_progress_only_grows_and_comes_from_the_encoder(bench: Bench) -> None:
    film(bench, scene(RED, seconds=8.0), scene(GREEN, seconds=8.0, transition="fade"), size=(960, 540))
    told = bench.told("progress")
    assert all(one <= next_one for one, next_one in pairwise(told))
    assert told[-1] > 90
    assert any(10 < percent < 90 for percent in told)


def test_signs_that_no_font_has_are_told_in_the_log(bench: Bench) -> None:
    film(bench, scene(RED), scene(RED, text="🚀"))
    assert bench.told("log") == ["Scene 2: the font has no sign for 🚀"]


def test_a_sound_that_is_none_is_refused_and_nothing_is_left_where_it_would_be_kept(
    bench: Bench, tmp_path: Path
) -> None:
    (tmp_path / "noise.mp3").write_bytes(b"ID3" + b"no sound at all" * 50)
    with pytest.raises(Fault, match="A sound file cannot be read"):
        film(bench, scene(RED), voice=str(tmp_path / "noise.mp3"))
    assert list(bench.made.iterdir()) == []


def test_captions_share_their_scenes_time_by_their_length() -> None:
    scenes = [
        Scene("", None, RED, "", 2.0, "cut"),
        Scene("", None, RED, "one two three four five six seven eight nine ten " * 4, 6.0, "cut"),
        Scene("", None, RED, "Short", 1.0, "cut"),
    ]
    captions = captions_of(scenes, (640, 360))
    assert captions[0].begin == 2.0
    assert captions[-2].end == pytest.approx(8.0)
    assert captions[-1].begin == pytest.approx(8.0)
    assert captions[-1].end == pytest.approx(9.0)
    assert all(one.end == pytest.approx(other.begin) for one, other in pairwise(captions))
    assert all(caption.text.count("\n") <= 1 for caption in captions)


def test_what_would_break_a_caption_file_is_escaped() -> None:
    captions = captions_of([Scene("", None, RED, "a < b & c --> d", 3661.5, "cut")], (1920, 1080))
    assert webvtt(captions) == "WEBVTT\n\n00:00:00.000 --> 01:01:01.500\na &lt; b &amp; c --&gt; d\n"


@pytest.mark.parametrize("name", ["music", "voice"])
def test_a_sound_without_a_sound_is_refused_and_not_repeated_for_ever(bench: Bench, tmp_path: Path, name: str) -> None:
    with pytest.raises(Fault, match="at least a tenth of a second of sound"):
        film(bench, scene(RED), **{name: str(tone(tmp_path / "empty.wav", 0))})


def test_an_encoder_that_comes_no_further_is_ended(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.renders.film.STALL_SECONDS", 0.0)
    with pytest.raises(Fault, match="came no further"):
        film(bench, scene(RED, seconds=60.0), size=(1920, 1080))
