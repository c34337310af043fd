"""The knowledge base: what the team and its agents have written down, searched, versioned and kept."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tortoise.exceptions import IntegrityError
from tortoise.expressions import Q

from engine import clock
from engine.errors import LeaseLost, NotFound
from models.article import Article, ArticleVersion
from models.database import storable, transaction
from models.ending import Lease
from models.job import Job
from models.states import Status

MAX_FOUND = 50
MAX_CANDIDATES = 500
MAX_WORDS = 10
MAX_VERSIONS = 100
SNIPPET = 200
TRIES = 5
_WORD = re.compile(r"\w+")
_NOT_IN_SLUGS = re.compile(r"[^\w]+")
_LINE = ("id", "slug", "title", "tags", "version", "updated_at", "updated_by")


@dataclass(frozen=True)
class Text:
    """What is to be published: Markdown, the same in plain words, and the pictures' files by their names in it."""

    slug: str
    title: str
    tags: Sequence[str]
    body: str
    plain: str
    pictures: Mapping[str, str] = field(default_factory=dict)


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
class VersionLine:
    """A version as a list shows it."""

    slug: str
    number: int
    title: str
    created_at: datetime
    created_by: str


@dataclass(frozen=True)
class VersionView:
    """One version in full; `body` is Markdown, `pictures` are kept files by their names in it."""

    slug: str
    number: int
    latest: int
    title: str
    tags: tuple[str, ...]
    body: str
    pictures: dict[str, str]
    created_at: datetime
    created_by: str
    job_id: int


def slug_of(title: str) -> str:
    """The title as a part of an address: "How we work" is how-we-work."""
    return _NOT_IN_SLUGS.sub("-", title.lower()).strip("-")[:200] or "article"


async def publish(lease: Lease, text: Text) -> int:
    """Add a version to the article of this slug, a new one if there is none; returns its number.

    A job publishes once, however often it is tried.

    Raises:
        LeaseLost: the attempt does not own its job any more.
    """
    for _ in range(TRIES - 1):
        with suppress(IntegrityError):  # another job added a version to it, or began it, just now
            return await _whole(lease, text)
    return await _whole(lease, text)


async def _whole(lease: Lease, text: Text) -> int:
    """In a task of its own, as the job's may be cancelled."""
    return await asyncio.shield(asyncio.ensure_future(_publish(lease, text)))


async def _publish(lease: Lease, text: Text) -> int:
    now, title, plain = clock.now(), storable(text.title), storable(text.plain)
    held = Job.filter(id=lease.job_id, status=Status.RUNNING, attempt=lease.attempt, lease_token=lease.token)
    async with transaction():
        if not await held.update(status=Status.RUNNING):  # the first statement writes
            raise LeaseLost("the job went on without this attempt")
        if (already := await ArticleVersion.get_or_none(job_id=lease.job_id)) is not None:
            return int(already.number)
        by = (await Job.get(id=lease.job_id)).created_by
        latest: dict[str, Any] = {
            "title": title,
            "tags": list(text.tags),
            "text": plain,
            "words": f"{title}\n{plain}".casefold(),
        }
        latest |= {"updated_at": now, "updated_by": by}
        article = await Article.get_or_none(slug=storable(text.slug))
        if article is None:
            article = Article(slug=storable(text.slug), version=0, created_at=now, **latest)
            await article.save()
        number = int(article.version) + 1
        version = ArticleVersion(
            article_id=article.id,
            number=number,
            title=title,
            tags=list(text.tags),
            body=storable(text.body),
            pictures=dict(text.pictures),
            job_id=lease.job_id,
            created_by=by,
            created_at=now,
        )
        await version.save()
        await Article.filter(id=article.id).update(version=number, **latest)
        return number


async def search(text: str = "", *, tag: str = "", limit: int = MAX_FOUND) -> list[ArticleView]:
    """The articles that have every word, those with the words in their titles first, then the latest change first."""
    words = [storable(word.casefold()) for word in _WORD.findall(text)][:MAX_WORDS]
    where = Q()
    for word in words:
        where &= Q(words__contains=word)
    rows = await Article.filter(where).order_by("-updated_at").limit(MAX_CANDIDATES).values(*_LINE)
    fitting = [row for row in rows if not tag or tag in row["tags"]]
    fitting.sort(key=lambda row: -sum(word in str(row["title"]).casefold() for word in words))
    chosen = fitting[:limit]
    texts = await Article.filter(id__in=[row["id"] for row in chosen]).values_list("id", "text") if chosen else []
    text_of = dict(texts)
    return [
        ArticleView(
            slug=row["slug"],
            title=row["title"],
            tags=tuple(row["tags"]),
            version=row["version"],
            updated_at=row["updated_at"],
            updated_by=row["updated_by"],
            snippet=_snippet(text_of.get(row["id"], ""), row["title"], words),
        )
        for row in chosen
    ]


async def version(slug: str, number: int | None = None) -> VersionView:
    """One version of an article, the latest unless a number is given.

    Raises:
        NotFound: there is no such article or version.
    """
    article = await _article(slug)
    row = await ArticleVersion.get_or_none(article_id=article.id, number=number or article.version)
    if row is None:
        raise NotFound("version", f"{number} of {slug}")
    return VersionView(
        slug=article.slug,
        number=row.number,
        latest=article.version,
        title=row.title,
        tags=tuple(row.tags),
        body=row.body,
        pictures=dict(row.pictures),
        created_at=row.created_at,
        created_by=row.created_by,
        job_id=row.job_id,
    )


async def versions(slug: str) -> list[VersionLine]:
    """The latest hundred versions of an article, the newest first.

    Raises:
        NotFound: there is no such article.
    """
    article = await _article(slug)
    rows = ArticleVersion.filter(article_id=article.id).order_by("-number").limit(MAX_VERSIONS)
    found = await rows.values("number", "title", "created_at", "created_by")
    return [VersionLine(slug=article.slug, **row) for row in found]


async def _article(slug: str) -> Article:
    article = await Article.get_or_none(slug=storable(slug))
    if article is None:
        raise NotFound("article", slug)
    return article


def _snippet(text: str, title: str, words: list[str]) -> str:
    plain = " ".join(text.removeprefix(title).split())
    lower = plain.casefold()
    first = min((at for word in words if (at := lower.find(word)) >= 0), default=0)
    begin = max(0, first - SNIPPET // 3)
    piece = plain[begin : begin + SNIPPET]
    return f"{'…' if begin else ''}{piece}{'…' if begin + SNIPPET < len(plain) else ''}"
