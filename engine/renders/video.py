"""The program behind VIDEO_RENDER: each scene is drawn once, then one run of ffmpeg joins them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from engine.renders.captions import Caption, captions_of, webvtt
from engine.renders.film import RATE, Clip, Sound, encode
from engine.renders.program import Work
from engine.renders.scenes import Scene, caption_strip, draw

THUMBNAIL_WIDTH = 640
DRAWN = 10.0  # per cent of the work that is done when the scenes are drawn


@dataclass(frozen=True)
class Story:
    """The scenes in order, and what is said over them."""

    size: tuple[int, int]
    scenes: tuple[Scene, ...]
    captions: tuple[Caption, ...]

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return sum(scene.seconds for scene in self.scenes)


def run(work: Work) -> dict[str, Any]:
    """Draw, encode, and only then put the film where it is kept."""
    story = _story(work.asked)
    clips = _drawn(story, work)
    strips = _strips(story, work) if work.asked["captions"] else []
    film = work.own / "video.mp4"
    sounds = [Sound(work.asked[name], loops=name == "music") for name in ("music", "voice") if work.asked.get(name)]
    encode(film, clips, strips, sounds, work.threads, lambda share: work.progress(DRAWN + (100 - DRAWN) * share))
    made = {"video.mp4": film, "thumbnail.jpg": _thumbnail(story, clips, work.own)}
    if story.captions:
        made["captions.vtt"] = work.own / "captions.vtt"
        made["captions.vtt"].write_text(webvtt(story.captions), encoding="utf-8")
    for name, file in made.items():
        file.replace(work.made / name)
    width, height = story.size
    return {
        "message": f"A video of {_told(story.seconds)} s, {width} × {height}",
        "files": sorted(made),
        "preview": "thumbnail.jpg",
        "seconds": round(story.seconds, 1),
    }


def _told(seconds: float) -> str:
    return f"{seconds:.0f}" if seconds >= 10 else f"{seconds:.1f}".removesuffix(".0")


def _story(asked: dict[str, Any]) -> Story:
    width, height = asked["size"]
    scenes = tuple(
        Scene(
            text=scene["text"],
            image=Path(scene["image"]) if scene["image"] else None,
            colour=scene["colour"] or asked["colour"],
            caption=scene["caption"],
            seconds=round(scene["seconds"] * RATE) / RATE,
            transition=scene["transition"],
        )
        for scene in asked["scenes"]
    )
    return Story((width, height), scenes, captions_of(scenes, (width, height)))


def _drawn(story: Story, work: Work) -> list[Clip]:
    clips = []
    for number, scene in enumerate(story.scenes):
        has_room = bool(work.asked["captions"] and scene.caption)
        picture, lacking = draw(scene, story.size, keeps_room=has_room)
        if lacking:
            work.log(f"Scene {number + 1}: the font has no sign for {lacking}")
        file = work.own / f"scene-{number:03}.png"
        picture.save(file, compress_level=1)
        clips.append(Clip(file, scene.seconds, scene.transition))
        work.progress(DRAWN * (number + 1) / len(story.scenes))
    return clips


def _strips(story: Story, work: Work) -> list[tuple[Path, int, int, Caption]]:
    """Each caption as a picture, with where and when it is seen."""
    strips = []
    for number, caption in enumerate(story.captions):
        strip, x, y = caption_strip(caption.text, story.size)
        file = work.own / f"caption-{number:03}.png"
        strip.save(file, compress_level=1)
        strips.append((file, x, y, caption))
    return strips


def _thumbnail(story: Story, clips: list[Clip], folder: Path) -> Path:
    """The first scene that shows more than a colour."""
    telling = next((i for i, scene in enumerate(story.scenes) if scene.text or scene.image), 0)
    with Image.open(clips[telling].file) as picture:
        height = round(picture.height * THUMBNAIL_WIDTH / picture.width)
        picture.resize((THUMBNAIL_WIDTH, height)).save(folder / "thumbnail.jpg", quality=85)
    return folder / "thumbnail.jpg"
