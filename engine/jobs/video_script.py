"""A video's script in Markdown: a heading begins a scene, a picture fills it, what is said becomes its captions."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token

SETTINGS = ("seconds", "colour", "transition")
_SETTING = re.compile(rf"({'|'.join(SETTINGS)}):\s*(\S+)")


@dataclass
class Draft:
    """A scene as the script has it; nothing is checked yet."""

    text: str = ""
    image: str = ""
    said: list[str] = field(default_factory=list)
    settings: dict[str, str] = field(default_factory=dict)

    def is_empty(self) -> bool:
        """Whether there would be nothing to see."""
        return not (self.text or self.image or self.said or self.settings)

    def as_scene(self) -> dict[str, Any]:
        """The scene's fields, as a payload has them."""
        told = {"text": self.text, "caption": " ".join(self.said), "image": self.image, **self.settings}
        return {name: value for name, value in told.items() if value}


def scenes_of(script: str) -> list[dict[str, Any]]:
    """The scenes of a script, as a payload has them.

    A heading or a line of dashes begins a scene. A line "seconds: 5", "colour: #1E3A8A" or "transition: slide" sets it;
    ![](12/card.png) is a file of an earlier job, and ![](image:1) the first attached picture.
    """
    scenes = [Draft()]
    tokens = MarkdownIt("commonmark").parse(script)
    for before, token in zip([None, *tokens], tokens, strict=False):
        if token.type == "hr" or (token.type == "heading_open" and not scenes[-1].is_empty()):
            scenes.append(Draft())
        if token.type == "inline":
            is_heading = before is not None and before.type == "heading_open"
            _add(scenes[-1], token, is_heading=is_heading)
    return [scene.as_scene() for scene in scenes if not scene.is_empty()]


def _add(scene: Draft, inline: Token, *, is_heading: bool) -> None:
    for part in inline.children or []:
        if part.type == "image":
            scene.image = str(part.attrs.get("src", ""))
    text = "\n".join(_lines(inline))
    if is_heading:
        scene.text = text
    elif text:
        kept = []
        for line in text.splitlines():
            if setting := _SETTING.fullmatch(line.strip()):
                scene.settings[setting[1]] = setting[2]
            else:
                kept.append(line)
        scene.said += [" ".join(kept)] if kept else []


def _lines(inline: Token) -> Iterator[str]:
    """What the paragraph says, without its marks."""
    line = ""
    for part in inline.children or []:
        if part.type in ("softbreak", "hardbreak"):
            yield line
            line = ""
        elif part.type in ("text", "code_inline"):
            line += part.content
    if line.strip():
        yield line.strip()
