"""VIDEO_RENDER: scenes or a script become an MP4 with captions, sound and a thumbnail."""

from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from engine import files
from engine.errors import FieldError, InvalidInput
from engine.faults import field_errors, shown
from engine.jobs.attached import FileInput
from engine.jobs.base import Context, JobType, Payload
from engine.jobs.fields import SINGLE_LINE, STRIPPED, TextBlock
from engine.jobs.preview import FilmPreview, ScenePreview, file_previews
from engine.jobs.video_script import scenes_of
from engine.renders import folder_of, render
from engine.renders.colours import ink_on, parsed, written
from engine.retry import RetryPolicy
from engine.settings import Settings
from models.states import Category

MAX_SCENES = 60
MAX_SECONDS = 600.0
MAX_IMAGE_BYTES = 10_000_000
MAX_SOUND_BYTES = 30_000_000
WORDS_A_SECOND = 2.6  # as people read aloud
SHORTEST_SECONDS = 3.0
SIZES = {"1080p": (1920, 1080), "vertical": (1080, 1920), "square": (1080, 1080)}
_ATTACHED = "image:"

Colour = Annotated[str, Field(pattern=r"^#[0-9A-Fa-f]{6}$", description="as #1E3A8A")]


class Scene(Payload):
    """What is seen for a while: a headline, a picture or a colour, or several of them; `caption` is what is said."""

    text: Annotated[TextBlock, Field(max_length=300)] = ""
    image: FileInput | None = None
    colour: Colour | None = None
    caption: Annotated[TextBlock, Field(max_length=1000)] = ""
    seconds: Annotated[float | None, Field(ge=0.5, le=120, description="by the number of words if left out")] = None
    transition: Annotated[
        Literal["fade", "slide", "wipe", "cut"], Field(description="how the scene before gives way to this one")
    ] = "fade"

    def length(self) -> float:
        """How long it is seen, in seconds."""
        if self.seconds is not None:
            return self.seconds
        words = len(f"{self.text} {self.caption}".split())
        return round(max(SHORTEST_SECONDS, 1 + words / WORDS_A_SECOND), 1)


class VideoPayload(Payload):
    """Scenes, or a script that tells them."""

    title: Annotated[str, Field(title="Title", max_length=200), SINGLE_LINE, STRIPPED] = ""
    script: Annotated[
        TextBlock,
        Field(
            title="Script",
            max_length=20_000,
            json_schema_extra={"multiline": True},
            description="Markdown: each heading begins a scene, the text under it becomes its captions. "
            "![](12/card.png) shows a file of job 12, ![](image:1) the first picture below; "
            "lines like “seconds: 5”, “colour: #1E3A8A” and “transition: slide” set a scene.",
        ),
    ] = ""
    format: Annotated[Literal["1080p", "vertical", "square"], Field(title="Format")] = "1080p"
    colour: Annotated[Colour, Field(title="Colour")] = "#312E81"
    captions: Annotated[bool, Field(title="Burn captions in")] = True
    images: Annotated[
        list[FileInput], Field(title="Pictures", max_length=20, json_schema_extra={"upload": "pictures"})
    ] = []  # noqa: RUF012 (pydantic copies it)
    music: Annotated[FileInput | None, Field(title="Music", json_schema_extra={"upload": "sound"})] = None
    voice: Annotated[FileInput | None, Field(title="Voice", json_schema_extra={"upload": "sound"})] = None
    scenes: Annotated[
        list[Scene],
        Field(
            title="Scenes",
            max_length=MAX_SCENES,
            description="instead of a script",
            json_schema_extra={"for_programs": True},
        ),
    ] = []  # noqa: RUF012


class VideoRender(JobType[VideoPayload]):
    """Draws each scene once, then has ffmpeg join them; what it makes is there only when it is whole."""

    key = "VIDEO_RENDER"
    label = "Render video"
    description = "Make a video of scenes or a script"
    icon = "movie"
    category = Category.VIDEO
    agent = "Filmmaker"
    retry = RetryPolicy(attempts=2)
    time_limit_seconds = 3600
    payload = VideoPayload

    def summary(self, payload: VideoPayload) -> str:
        """The title or the first headline, the length and the format."""
        scenes = payload.scenes
        name = payload.title or next((scene.text for scene in scenes if scene.text), "") or "A video"
        total = sum(scene.length() for scene in scenes)
        return f"{' '.join(name.split())} · {_seconds(total)} s · {payload.format}"

    async def preview(self, payload: VideoPayload, settings: Settings) -> FilmPreview:
        """The scenes in their order, and what is heard."""
        width, height = SIZES[payload.format]
        sounds = {name: sound for name in ("music", "voice") if (sound := getattr(payload, name))}
        return FilmPreview(
            title=payload.title,
            width=width,
            height=height,
            seconds=sum(scene.length() for scene in payload.scenes),
            captions=payload.captions,
            scenes=tuple([await _scene_preview(scene, payload.colour, settings) for scene in payload.scenes]),
            sounds=await file_previews(list(sounds.values()), settings, names=[name.capitalize() for name in sounds]),
        )

    def editable(self, stored: dict[str, Any]) -> dict[str, Any]:
        """Where there is a script, its scenes are made of it."""
        return {name: value for name, value in stored.items() if name != "scenes" or not stored.get("script")}

    async def accept(self, payload: VideoPayload, settings: Settings) -> VideoPayload:
        """The script is told in scenes, every file is kept by content, and the whole is not too long."""
        images = [
            await image.keep(f"images.{index}", settings, kinds=files.IMAGES, most=MAX_IMAGE_BYTES)
            for index, image in enumerate(payload.images)
        ]
        scenes = _scenes(payload, images)
        kept = [await _kept(scene, index, settings) for index, scene in enumerate(scenes)]
        total = sum(scene.length() for scene in kept)
        if total > MAX_SECONDS:
            field = "script" if payload.script else "scenes"
            rule = f"{field.capitalize()} must last at most {MAX_SECONDS:.0f} s together, not {total:.0f} s"
            raise InvalidInput([FieldError(field, rule)])
        sounds = {
            name: await sound.keep(name, settings, kinds=files.SOUNDS, most=MAX_SOUND_BYTES)
            for name in ("music", "voice")
            if (sound := getattr(payload, name))
        }
        return payload.model_copy(update={"images": images, "scenes": kept, **sounds})

    async def run(self, payload: VideoPayload, context: Context) -> dict[str, Any]:
        """Gather the files, then draw and encode in a process of its own."""
        folder = folder_of(context, "video")
        scenes = []
        for scene in payload.scenes:
            image = await scene.image.fetch(folder, context.settings) if scene.image else None
            told = scene.model_dump(include={"text", "caption", "colour", "transition"})
            scenes.append({**told, "seconds": scene.length(), "image": str(image) if image else None})
        sounds: dict[str, str] = {}
        for name, sound in (("music", payload.music), ("voice", payload.voice)):
            if sound:
                sounds[name] = str(await sound.fetch(folder, context.settings))
        work = {"size": SIZES[payload.format], "scenes": scenes, "colour": payload.colour, **sounds}
        return await render(context, "video", {**work, "captions": payload.captions, "title": payload.title})


async def _scene_preview(scene: Scene, ground: str, settings: Settings) -> ScenePreview:
    ground = scene.colour or ground
    shown = await file_previews([scene.image], settings, names=[scene.text or "Picture"]) if scene.image else ()
    return ScenePreview(
        text=scene.text,
        caption=scene.caption,
        ground=ground,
        ink=written(ink_on(parsed(ground))),
        seconds=scene.length(),
        transition=scene.transition,
        image=next(iter(shown), None),
    )


def _seconds(total: float) -> str:
    return f"{total:.0f}" if total >= 10 else f"{total:.1f}".removesuffix(".0")


def _scenes(payload: VideoPayload, images: list[FileInput]) -> list[Scene]:
    if payload.script.strip() and payload.scenes:
        raise InvalidInput([FieldError("scenes", "Scenes must be left out where there is a script, or the script")])
    if not payload.script.strip():
        if not payload.scenes:
            raise InvalidInput([FieldError("script", "Script must tell at least one scene, or there must be scenes")])
        return payload.scenes
    told = scenes_of(payload.script)
    if not 1 <= len(told) <= MAX_SCENES:
        rule = f"Script must tell 1 to {MAX_SCENES} scenes, not {len(told)}; a heading begins a scene"
        raise InvalidInput([FieldError("script", rule)])
    return [_told(scene, number, images) for number, scene in enumerate(told, 1)]


def _told(scene: dict[str, Any], number: int, images: list[FileInput]) -> Scene:
    source = scene.get("image", "")
    if source.startswith(_ATTACHED):
        position = source.removeprefix(_ATTACHED)
        if not position.isdecimal() or not 1 <= int(position) <= len(images):
            rule = f"Script, scene {number}: {shown(source)} must be one of the {len(images)} pictures attached"
            raise InvalidInput([FieldError("script", rule)])
        scene = {**scene, "image": images[int(position) - 1]}
    try:
        return Scene.model_validate(scene)
    except ValidationError as error:
        faults = field_errors(error, Scene)
        told = [FieldError("script", f"Script, scene {number}: {fault.message}") for fault in faults]
        raise InvalidInput(told) from error


async def _kept(scene: Scene, index: int, settings: Settings) -> Scene:
    if not (scene.text or scene.image or scene.colour or scene.caption):
        field = f"scenes.{index}"
        raise InvalidInput([FieldError(field, f"{field} must have a text, an image, a colour or a caption")])
    if scene.image is None:
        return scene
    image = await scene.image.keep(f"scenes.{index}.image", settings, kinds=files.IMAGES, most=MAX_IMAGE_BYTES)
    return scene.model_copy(update={"image": image})
