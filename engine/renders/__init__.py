"""Programs that draw: each is a module here, run in a process of its own, so that no page waits for a picture."""

import json
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import PermanentError
from engine.processes import processors

if TYPE_CHECKING:
    from engine.jobs.base import Context  # the programs themselves need no job types

ROOT = Path(__file__).resolve().parents[2]
LAST_WORDS = 5  # lines of a program that ended without saying why


def threads() -> int:
    """How many threads a render may keep busy: one processor is left to the pages."""
    return max(1, processors() - 1)


async def render(context: "Context", program: str, work: Mapping[str, Any]) -> dict[str, Any]:
    """Run `engine.renders.<program>` on this work, which is JSON; returns what it made, as it says itself.

    The program is given a folder for what only it needs, gone afterwards, and the attempt's own for what it makes.

    Raises:
        PermanentError: the work cannot be done; says why in a sentence.
    """
    own = folder_of(context, program)
    more = {"own": str(own), "made": str(own.parent), "threads": threads()}
    file = _written(own, json.dumps({**work, **more}))
    heard = _Heard(context)
    try:
        code = await context.compute(
            sys.executable, "-m", "engine.renders.program", program, str(file), folder=ROOT, on_line=heard
        )
    finally:
        shutil.rmtree(own, ignore_errors=True)  # the program removes it itself, unless it was killed
    if heard.fault:
        raise PermanentError(heard.fault)
    if code != 0 or heard.result is None:
        raise PermanentError(f"The program ended with code {code}: {' '.join(heard.last) or 'it said nothing'}")
    return heard.result


def folder_of(context: "Context", program: str) -> Path:
    """Where the files may lie that a render is given; gone when it is over."""
    return (context.artifact("made").parent / f".{program}").resolve()


def _written(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "work.json"
    file.write_text(text)
    return file


class _Heard:
    """Tells the job what its program says, line by line."""

    def __init__(self, context: "Context") -> None:
        self._context = context
        self.last: list[str] = []
        self.fault = ""
        self.result: dict[str, Any] | None = None

    async def __call__(self, line: str) -> None:
        try:
            told = json.loads(line)
        except json.JSONDecodeError:
            told = None
        match told:
            case {"progress": float() | int() as percent}:
                await self._context.progress(percent)
            case {"log": str() as text}:
                await self._context.log(text)
            case {"fault": str() as text}:
                self.fault = text
            case {"result": dict() as result}:
                self.result = result
            case _:
                self.last = [*self.last, line][-LAST_WORDS:]
