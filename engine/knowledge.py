"""The knowledge base: what the team and its agents have written down, searched, versioned and kept."""

import asyncio
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from tortoise.exceptions import IntegrityError
from tortoise.expressions import Q

from engine import clock
from engine.errors import LeaseLost, NotFound
from models.article import Article, ArticleVersion
from models.database import storable, transaction
from models.job import Job
from models.states import Status

MAX_FOUND = 50
MAX_CANDIDATES = 500
SNIPPET = 200
TRIES = 5
_WORD = re.compile(r"\w+")
_NOT_IN_SLUGS = re.compile(r"[^\w]+")


@dataclass(frozen=True)
class ArticleView:
    """An article as a list shows it; `snippet` is where the words that were searched for stand."""

    slug: str
    title: str
    tags: tuple[str, ...]
    version: int
    updated_at: datetime
    updated_by: str
    snippet: str = ""


@dataclass(frozen=True)
class VersionView:
    """One version in full; `body` is Markdown."""

    slug: str
    number: int
    latest: int
    title: str
    tags: tuple[str, ...]
    body: str
    created_at: datetime
    created_by: str
    job_id: int


def slug_of(title: str) -> str:
    """The title as a part of an address: "How we work" is how-we-work."""
    return _NOT_IN_SLUGS.sub("-", title.lower()).strip("-")[:200] or "article"


async def publish(job_id: int, slug: str, title: str, tags: Sequence[str], body: str, text: str) -> int:
    """Add a version to the article of this slug, a new one if there is none; returns its number.

    A job publishes once, however often it is tried; `text` is the body in plain words.

    Raises:
        LeaseLost: the job is not running any more.
    """
    new = _New(job_id, storable(slug), storable(title), list(tags), storable(body), storable(text))
    for _ in range(TRIES - 1):
        with suppress(IntegrityError):  # another job added a version to it, or began it, just now
            return await _whole(new)
    return await _whole(new)


async def _whole(new: "_New") -> int:
    """In a task of its own, as the job's may be cancelled."""
    return await asyncio.shield(asyncio.ensure_future(_publish(new)))


@dataclass(frozen=True)
class _New:
    job_id: int
    slug: str
    title: str
    tags: list[str]
    body: str
    text: str


async def _publish(new: _New) -> int:
    now = clock.now()
    async with transaction():
        if not await Job.filter(id=new.job_id, status=Status.RUNNING).update(status=Status.RUNNING):
            raise LeaseLost("the job was cancelled")
        if (already := await ArticleVersion.get_or_none(job_id=new.job_id)) is not None:
            return int(already.number)
        article = await Article.get_or_none(slug=new.slug)
        if article is None:
            article = await Article.create(
                slug=new.slug, title=new.title, tags=new.tags, version=0, created_at=now, updated_at=now
            )
        number = int(article.version) + 1
        by = (await Job.get(id=new.job_id)).created_by
        own = {"title": new.title, "tags": new.tags, "body": new.body, "text": new.text, "job_id": new.job_id}
        version = ArticleVersion(article_id=article.id, number=number, created_by=by, created_at=now, **own)
        await version.save()
        await Article.filter(id=article.id).update(version=number, title=new.title, tags=new.tags, updated_at=now)
        return number


async def search(text: str = "", *, tag: str = "", limit: int = MAX_FOUND) -> list[ArticleView]:
    """The articles that have every word, the best match first; without words, the latest change first."""
    words = [storable(word.lower()) for word in _WORD.findall(text)][:10]
    where = Q()
    for word in words:
        where &= Q(title__icontains=word) | Q(text__icontains=word)
    articles = {row.id: row for row in await Article.all().order_by("-updated_at").limit(5000)}
    rows = ArticleVersion.filter(where, article_id__in=list(articles)) if words else ArticleVersion.all()
    found = []
    for row in await rows.order_by("-created_at").limit(MAX_CANDIDATES if words else MAX_CANDIDATES * 4):
        article = articles.get(row.article_id)
        if article is None or row.number != article.version or (tag and tag not in article.tags):
            continue
        found.append((_rank(row, words), _article_view(article, row, words)))
    found.sort(key=lambda each: (-each[0], -each[1].updated_at.timestamp()))
    return [view for _, view in found[:limit]]


async def version(slug: str, number: int | None = None) -> VersionView:
    """One version of an article, the latest unless a number is given.

    Raises:
        NotFound: there is no such article or version.
    """
    article = await Article.get_or_none(slug=storable(slug))
    if article is None:
        raise NotFound("article", slug)
    row = await ArticleVersion.get_or_none(article_id=article.id, number=number or article.version)
    if row is None:
        raise NotFound("version", f"{number} of {slug}")
    return _version_view(article, row)


async def versions(slug: str) -> list[VersionView]:
    """Every version of an article, the newest first.

    Raises:
        NotFound: there is no such article.
    """
    article = await Article.get_or_none(slug=storable(slug))
    if article is None:
        raise NotFound("article", slug)
    rows = await ArticleVersion.filter(article_id=article.id).order_by("-number").limit(100)
    return [_version_view(article, row) for row in rows]


def _rank(row: ArticleVersion, words: list[str]) -> int:
    """A word in the title counts as ten in the text."""
    title, text = row.title.lower(), row.text.lower()
    return sum(10 * title.count(word) + min(text.count(word), 9) for word in words)


def _article_view(article: Article, row: ArticleVersion, words: list[str]) -> ArticleView:
    return ArticleView(
        article.slug,
        article.title,
        tuple(article.tags),
        article.version,
        article.updated_at,
        row.created_by,
        _snippet(row.text, row.title, words),
    )


def _version_view(article: Article, row: ArticleVersion) -> VersionView:
    return VersionView(
        article.slug,
        row.number,
        article.version,
        row.title,
        tuple(row.tags),
        row.body,
        row.created_at,
        row.created_by,
        row.job_id,
    )


def _snippet(text: str, title: str, words: list[str]) -> str:
    plain = " ".join(text.removeprefix(title).split())
    lower = plain.lower()
    first = min((at for word in words if (at := lower.find(word)) >= 0), default=0)
    begin = max(0, first - SNIPPET // 3)
    piece = plain[begin : begin + SNIPPET]
    return f"{'…' if begin else ''}{piece}{'…' if begin + SNIPPET < len(plain) else ''}"
