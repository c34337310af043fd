"""The knowledge base: articles that jobs have written, searched; and one article with its versions."""

import asyncio
import difflib
from functools import partial
from urllib.parse import quote, urlencode

from nicegui import PageArguments, ui

from engine import clock
from engine.errors import NotFound
from engine.knowledge import ArticleView, VersionLine, VersionView
from engine.renders.documents.fences import with_tables
from models.rights import Right
from ui.components.apology import missing
from ui.components.markdown import html_of, show_html
from ui.components.marks import time_node
from ui.components.node import Node, button
from ui.components.redrawn import Redrawn
from ui.layout import Shell, StillView
from ui.reader import Reader
from ui.tab import Draw

PATH = "/app/kb"
MOST_LINES = 1500
MOST_SHOWN = 500


class KnowledgePage(StillView):
    """Every article, the latest change first, or those that have every word."""

    def __init__(self, shell: Shell, arguments: PageArguments) -> None:
        self._shell = shell
        query = arguments.query_parameters
        self._text, self._tag = query.get("q", ""), query.get("tag", "")
        shell.show("Knowledge", PATH, self)
        with Node("div", "", "toolbar"):
            self._search = ui.input("Search the articles", value=self._text).props("outlined dense clearable")
            self._search.classes("grow").on_value_change(self._look)
            if Right.OPERATE in shell.rights:
                Node("a", "New article", "button primary", href="/app/jobs?new=KB_DOCUMENT", data_icon="add")
        with Node("section", "", "panel", aria_label="Articles"):
            Node("h2", "Articles")
            self._list = Redrawn("")

    async def read(self, reader: Reader) -> Draw:
        """Search again."""
        found = await reader.queries.articles(self._text, tag=self._tag)
        return partial(self._list.show, (self._text, self._tag, found), partial(self._draw, found))

    def _draw(self, found: list[ArticleView]) -> None:
        if self._tag:
            with Node("div", "", "chips"):
                Node("span", f"Tag: {self._tag}", "chip")
                button("Show all", "small").on_press(self._show_all)
        if not found and (self._text or self._tag):
            Node("p", "No article matches. Try fewer words.", "muted")
        elif not found:
            Node(
                "p",
                "Nothing has been written down yet. A KB_DOCUMENT job adds an article; the next one of the same "
                "title adds a version.",
                "muted",
            )
        for article in found:
            with Node("article", "", "list-row", aria_label=article.title, data_article=article.slug):
                with Node("div", "", "grow"):
                    Node("a", article.title, "card-title-link", href=article_path(article.slug))
                    Node("span", article.snippet, "muted")
                    with Node("span", "", "muted"):
                        Node("span", f"version {article.version} by {article.updated_by}, ")
                        time_node(article.updated_at, clock.now())
                with Node("div", "", "chips"):
                    for tag in article.tags[:5]:
                        Node("a", tag, "chip", href=f"{PATH}?{urlencode({'tag': tag})}")

    async def _show_all(self) -> None:
        self._tag = ""
        await self._look()

    async def _look(self) -> None:
        self._text = (self._search.value or "").strip()
        filled = {name: value for name, value in (("q", self._text), ("tag", self._tag)) if value}
        ui.navigate.history.replace(f"{PATH}?{urlencode(filled)}" if filled else PATH)
        await self._shell.refresh(self._shell.live.reader())


class ArticlePage(StillView):
    """One version of an article, what changed in it, and the others."""

    def __init__(self, shell: Shell, arguments: PageArguments) -> None:
        self._shell = shell
        self._slug = str(arguments.path_parameters["slug"])
        number = arguments.query_parameters.get("version", "")
        self._number = int(number) if number.isdecimal() and len(number) < 9 else None
        shell.show("Knowledge", PATH, self)
        Node("a", "All articles", "button plain back", href=PATH, data_icon="arrow_back")
        self._shown = Redrawn("stack")

    async def read(self, reader: Reader) -> Draw:
        """Read the version and the list of all."""
        try:
            shown = await reader.queries.article(self._slug, self._number)
            lines = await reader.queries.article_versions(self._slug)
        except NotFound:
            return partial(self._shown.show, None, partial(_missing, "version" if self._number else "article"))
        body = await asyncio.to_thread(with_tables, shown.body)
        html = await html_of(body, title=shown.title, pictures=shown.pictures)
        return partial(self._shown.show, (shown, len(lines)), partial(self._draw, shown, lines, html))

    def _draw(self, shown: VersionView, lines: list[VersionLine], html: str) -> None:
        with Node("div", "", "article-head"):
            Node("h2", shown.title, dir="auto")
            for tag in shown.tags[:8]:
                Node("a", tag, "chip", href=f"{PATH}?{urlencode({'tag': tag})}")
        with Node("p", "", "muted"):
            Node("span", f"Version {shown.number} of {shown.latest} by {shown.created_by}, ")
            time_node(shown.created_at, clock.now())
            Node("span", " · ")
            Node("a", f"job {shown.job_id}", href=f"/app/jobs/{shown.job_id}")
        with Node("div", "", "columns"):
            with Node("section", "", "panel grow", aria_label="Article"):
                show_html(html)
            with Node("section", "", "panel side", aria_label="Versions"):
                Node("h2", "Versions")
                for line in lines:
                    self._draw_line(line, is_shown=line.number == shown.number)

    def _draw_line(self, line: VersionLine, *, is_shown: bool) -> None:
        with Node("div", "", "list-row"), Node("div", "", "grow"):
            link = Node("a", f"Version {line.number}", href=article_path(line.slug, line.number))
            link.change(aria_current="true" if is_shown else None)
            with Node("span", "", "muted"):
                Node("span", f"{line.created_by}, ")
                time_node(line.created_at, clock.now())
            if line.number > 1:
                asked = button("What changed", "small", aria_label=f"What changed in version {line.number}")
                changes = Node("div", "", "changes", hidden=True)
                asked.on_press(partial(self._show_changes, line.number, changes))

    async def _show_changes(self, number: int, changes: Node) -> None:
        """Compared when it is asked for: long texts take their time."""
        if not changes.props.get("hidden"):
            changes.change(hidden=True)
            return
        queries = self._shell.atlas.queries
        after = await queries.article(self._slug, number)
        try:
            before = (await queries.article(self._slug, number - 1)).body
        except NotFound:
            before = ""
        lines = await asyncio.to_thread(_changes, before, after.body)
        changes.clear()
        changes.change(hidden=None)
        with changes:
            for kind, text in lines:
                Node("div", text, kind)


def _missing(what: str) -> None:
    ui.context.client.status_code = 404
    missing(what)


def article_path(slug: str, number: int | None = None) -> str:
    """Where an article, or a version of it, is."""
    return f"{PATH}/{quote(slug)}" + (f"?version={number}" if number else "")


def _changes(before: str, after: str) -> list[tuple[str, str]]:
    """Lines with what they are: added, removed or neither."""
    former, later = before.splitlines(), after.splitlines()
    if max(len(former), len(later)) > MOST_LINES:
        return [("muted", f"A text of more than {MOST_LINES:,} lines is not compared here.")]
    lines = list(difflib.unified_diff(former, later, lineterm="", n=1))[2:]
    if not lines:
        return [("muted", "Nothing but the title or tags.")]
    kinds = {"+": "added", "-": "removed"}
    return [(kinds.get(line[:1], "muted"), "…" if line.startswith("@@") else line[:MOST_SHOWN]) for line in lines[:400]]
