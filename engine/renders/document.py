"""The program behind BLOG_POST and REPORT: Markdown is read once, and written as HTML, PDF and for Word."""

from collections.abc import Callable
from typing import Any

from engine.renders.documents.html_page import page
from engine.renders.documents.paper import Paper
from engine.renders.documents.reading import Content, read
from engine.renders.documents.remarks import Remarks
from engine.renders.documents.request import Request, request_of
from engine.renders.documents.word import word_file
from engine.renders.program import Work

PREVIEW = "preview.png"
READ, LAID_OUT = 25.0, 50.0  # per cent of the work


def run(work: Work) -> dict[str, Any]:
    """Make every file, and only then put them where they are kept."""
    request = request_of(work.asked)
    remarks = Remarks()
    folder = work.own / "document"
    folder.mkdir(parents=True)
    content = read(request, folder, remarks)
    work.progress(READ)
    paper = Paper(request, content, remarks)
    work.progress(LAID_OUT)
    remarks.tell(work)
    made = _written(request, content, paper, work)
    for name, data in made.items():
        (work.made / name).write_bytes(data)
    return {
        "files": [name for name in made if name != PREVIEW],
        "preview": PREVIEW,
        "pages": paper.pages,
        "words": content.word_count,
        "title": request.title,
    }


def _written(request: Request, content: Content, paper: Paper, work: Work) -> dict[str, bytes]:
    writers: dict[str, Callable[[], bytes]] = {
        "html": lambda: page(request, content).encode(),
        "pdf": paper.pdf,
        "docx": lambda: word_file(request, content),
    }
    made = {}
    for number, form in enumerate(request.formats, 1):
        made[f"document.{form}"] = writers[form]()
        work.progress(LAID_OUT + (95 - LAID_OUT) * number / len(request.formats))
    made[PREVIEW] = paper.preview()
    return made
