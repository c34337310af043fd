"""Pandoc, kept on a short line: no files, no network, so much memory and so many seconds."""

import json
import subprocess
from collections.abc import Iterable
from tempfile import TemporaryFile
from threading import Event, Timer
from typing import Any

import pypandoc

from engine.renders.documents.nodes import Node
from engine.renders.program import Fault

SECONDS = 60
HEAP = "1g"
MOST_READ = 40_000_000  # bytes of a document's tree; 500,000 characters of plain text become a fifth of it
MOST_WRITTEN = 400_000_000  # bytes, pictures and all
READER = (
    "commonmark_x-raw_html-raw_attribute-yaml_metadata_block-emoji-subscript-superscript"
    "-implicit_header_references+autolink_bare_uris"
)
VERSION = [1, 23, 1, 1]


def read(markdown: str) -> list[Node]:
    """The blocks of a Markdown text.

    Raises:
        Fault: it is too large or too deep.
    """
    told = run(["-f", READER, "-t", "json"], markdown.encode(), "The Markdown cannot be read", most=MOST_READ)
    try:
        blocks: list[Node] = json.loads(told)["blocks"]
    except RecursionError:
        raise Fault("Lists, quotes and emphasis in the text are nested too deeply") from None
    return blocks


def write(blocks: list[Node], form: str, *options: str, meta: dict[str, Any] | None = None) -> bytes:
    """The blocks in this format.

    Raises:
        Fault: it takes too long or too much memory.
    """
    tree = {"pandoc-api-version": VERSION, "meta": meta or {}, "blocks": blocks}
    given = ["-f", "json", "-t", form, "--wrap=none", *options]
    return run(given, json.dumps(tree).encode(), f"The document cannot be written as {form.partition('-')[0]}")


def run(options: Iterable[str], given: bytes, otherwise: str, *, most: int = MOST_WRITTEN) -> bytes:
    """What pandoc makes of this; `otherwise` begins the sentence that says why it makes nothing."""
    command = [pypandoc.get_pandoc_path(), "+RTS", f"-M{HEAP}", "-RTS", "--sandbox", *options]
    with TemporaryFile() as asked, TemporaryFile() as said:
        asked.write(given)
        asked.seek(0)
        with subprocess.Popen(command, stdin=asked, stdout=subprocess.PIPE, stderr=said) as process:
            made, is_late = _made(process, most)
        said.seek(0)
        last_words = said.read(10_000).decode(errors="replace").strip()
    if is_late:
        raise Fault(f"{otherwise}: it takes more than {SECONDS} s; divide or simplify the text")
    if len(made) > most or "heap" in last_words.casefold():
        raise Fault(f"{otherwise}: it becomes too large; divide or simplify the text")
    if process.returncode != 0:
        raise Fault(f"{otherwise}: {last_words.splitlines()[0] if last_words else f'code {process.returncode}'}")
    return made


def _made(process: subprocess.Popen[bytes], most: int) -> tuple[bytes, bool]:
    """What it writes, and whether it took too long; a little text may become very much."""
    is_late = Event()

    def end() -> None:
        is_late.set()
        process.kill()

    timer = Timer(SECONDS, end)
    timer.start()
    try:
        made = process.stdout.read(most + 1) if process.stdout else b""
        if len(made) > most:
            process.kill()
        process.wait()
    finally:
        timer.cancel()
        process.kill()
    return made, is_late.is_set()
