"""A first look: one real job of each type for an empty instance, and none that reaches anybody outside."""

from datetime import timedelta
from typing import Any

from engine import clock
from engine.audit import deed
from engine.console import operator
from engine.engine import Atlas
from engine.errors import InvalidInput, SettingsError
from engine.settings import Settings
from models.database import close_database, open_database
from models.job import Job

CREATOR = "demo"
SCRIPT = """# Hello from Job Runner

This film was made of twelve lines of text.

## Agents do the work
colour: #065F46
transition: slide

They send mail, publish posts, render video and write documents.

## People stay in charge
colour: #7C2D12
transition: wipe

You watch, approve, pause and retry.
"""
REPORT = """---
subtitle: What the team did between July and September
author: Ada Lovelace
tags: [quarter, team]
---

# Summary

Four releases went out, and **two thirds** of all questions were answered within an hour.

```chart
type: bar
title: Jobs done by month
month,mail,posts,videos
July,120,48,9
August,141,52,14
September,188,61,21
```

# What comes next

| What | Who | When |
| --- | --- | --- |
| New onboarding film | Grace | October |
| Monthly report by itself | Alan | November |

> Whatever is done twice by hand is done the third time by a job.
"""
ARTICLE = """---
tags: [brand, writing]
---

# Tone of voice

We write short sentences, and we say what we mean.

- Say what somebody can do next.
- Name things as the reader does.
- Leave out what nobody needs.
"""
POST = "Job Runner is up and running: this post is on the built-in feed, where only you can see it."
TABLE = """name,2021,2022,2023,2024,2025
Lisbon,12,30,52,71,96
Vienna,25,33,41,66,80
Oslo,31,38,40,44,59
Turin,4,18,47,69,88
"""


async def fill(settings: Settings) -> str:
    """Queue the jobs; returns a sentence with how many.

    Raises:
        SettingsError: there are jobs already, or one cannot be created here.
        DatabaseError: the database cannot be used.
    """
    atlas = Atlas(settings)
    await open_database(settings.database)
    try:
        if there := await Job.all().count():
            raise SettingsError(f"the demo fills an empty instance only, and this one has {there:,} jobs")
        await atlas.administration.ensure_feed()
        jobs = _jobs(settings)
        for type_key, payload, more in jobs:
            await _submit(atlas, type_key, payload, more)
    except InvalidInput as error:
        raise SettingsError(f"the demo cannot be set up: {error}") from None
    finally:
        await close_database()
    return f"Queued {len(jobs)} jobs, one of each type, some of which wait; they are done by Job Runner (make run)"


async def _submit(atlas: Atlas, type_key: str, payload: dict[str, Any], more: dict[str, Any]) -> None:
    actor, after = operator(), {"type": type_key, "created_by": CREATOR}
    await atlas.commands.submit(
        type_key,
        payload,
        created_by=CREATOR,
        told=lambda ids: deed(actor, "job.submit", f"job {ids[0]}", None, after),
        **more,
    )


def _jobs(settings: Settings) -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Type, payload and the rest; what could reach somebody outside waits for approval."""
    reaches = {"requires_approval": True} if settings.smtp_host else {}
    mail = {"to": "ada@example.org", "subject": "Hello", "body": "This is the **first mail** of Job Runner."}
    card = {"headline": "People stay in charge", "subline": "Agents do the work. You decide.", "label": "Job Runner"}
    here = f"http://{settings.host}:{settings.port}/healthz"
    jobs: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
        ("EMAIL_SEND", mail, reaches),
        ("SOCIAL_POST", {"text": POST, "channels": ["feed"]}, {}),
        ("IMAGE_RENDER", card, {}),
        ("REPORT", {"title": "The third quarter", "body": REPORT}, {}),
        ("ACTIVITY_REPORT", {}, {}),
        ("APPROVAL", {"question": "May the next step of a workflow begin?"}, {}),
        ("BLOG_POST", {"title": "Why we let agents work", "body": REPORT}, {}),
        ("KB_DOCUMENT", {"body": ARTICLE}, {}),
        ("ANIMATION_RENDER", {**card, "headline": "Visitors", "kind": "bar_race", "table": TABLE}, {}),
        ("VIDEO_RENDER", {"script": SCRIPT}, {}),
        ("EMAIL_SEND", {**mail, "subject": "This one waits for you"}, {"requires_approval": True}),
        (
            "SOCIAL_POST",
            {"text": "This one waits for tomorrow", "channels": ["feed"]},
            {"run_at": clock.now() + timedelta(days=1)},
        ),
    ]
    if settings.is_loopback:
        jobs.append(("WEBHOOK_CALL", {"method": "GET", "url": here}, {}))
    if settings.llm_url:
        jobs.append(("AGENT_TASK", {"goal": "Say in one sentence what a job runner is good for."}, {}))
    return jobs
