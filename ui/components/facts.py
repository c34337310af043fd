"""What is known of a job in a glance: names and numbers, each on a line of its own."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from urllib.parse import quote

from engine import clock
from engine.approvals.terms import ASKED
from engine.jobs import Registry
from engine.life import Life
from engine.schedules.views import MadeBy
from engine.views import JobView
from engine.workforce import agent_name, key_of
from models.agent import agent_id_of
from models.dependency import Child, Parent
from models.states import Status
from ui.components.copying import copy_icon
from ui.components.marks import time_node
from ui.components.node import Node
from ui.present import duration

RULES = "/app/settings#approvals"


def draw_facts(job: JobView, rule: str | None, life: Life, registry: Registry, made_by: MadeBy | None = None) -> None:
    """Draw the panel; `rule` is the title of the rule that approved it, `made_by` the schedule that started it."""
    with Node("section", "", "panel", aria_label="Facts"):
        Node("h2", "Facts")
        with Node("dl", "", "facts"):
            _id(job)
            for name, value in _words(job):
                _fact(name, value)
            _schedule(made_by)
            _agent(job, life, registry)
            _spans(job, life)
            _moments(job)
            if job.run_id:
                Node("dt", "Part of")
                with Node("dd"):
                    Node("a", f"workflow run {job.run_id}", "", href=f"/app/runs/{job.run_id}")
            _family("Comes after", life.parents)
            _family("Then", life.children)
            _rules(job, rule)


def cost_words(job: JobView) -> Iterator[tuple[str, str]]:
    """Tokens and money, if the result tells of them."""
    tokens, cost = (job.result or {}).get("tokens"), (job.result or {}).get("cost")
    if isinstance(tokens, dict) and all(isinstance(tokens.get(name), int) for name in ("input", "output")):
        yield "Tokens", f"{tokens['input']:,} in, {tokens['output']:,} out"
    if isinstance(cost, int | float) and cost > 0:
        yield "Cost", f"{cost:g}"


def _words(job: JobView) -> Iterator[tuple[str, str]]:
    yield "Type", job.type
    yield "Priority", job.priority.capitalize()
    yield "Created by", job.created_by
    yield "Attempt", f"{job.attempt} of {job.max_attempts}"
    yield from cost_words(job)


def _id(job: JobView) -> None:
    Node("dt", "Id")
    with Node("dd", "", "fact-id"):
        Node("span", str(job.id), "mono")
        copy_icon("Copy id", str(job.id))


def _schedule(made_by: MadeBy | None) -> None:
    if made_by is None:
        return
    Node("dt", "Schedule")
    with Node("dd"):
        if made_by.name:
            Node("a", made_by.name, "", href=f"/app/schedules?q={quote(made_by.name)}", dir="auto")
        else:
            Node("span", "removed since")
        if made_by.due_at is None:
            Node("span", ", run by hand")


def _agent(job: JobView, life: Life, registry: Registry) -> None:
    """Whoever tried it last, else whoever takes such jobs."""
    latest = life.tries[-1] if life.tries else None
    outside = agent_id_of(latest.view.engine) if latest else None
    name = latest.agent if latest and outside else agent_name(registry, job.type)
    if not name:
        _fact("Agent", "an outside agent" if registry.find(job.type) else "none: its type is gone")
        return
    Node("dt", "Agent")
    with Node("dd"):
        Node("a", name, "", href=f"/app/agents/{f'agent-{outside}' if outside else key_of(name)}")


def _spans(job: JobView, life: Life) -> None:
    first = life.tries[0].view.started_at if life.tries else job.started_at
    could_begin = max(job.created_at, job.run_at) if job.run_at else job.created_at
    if first:
        _fact("Waited", duration(max(first - could_begin, timedelta())))
    elif job.status in (Status.QUEUED, Status.PAUSED) and could_begin < clock.now():
        Node("dt", "Waits for")
        with Node("dd"):
            Node("time", duration(clock.now() - could_begin), data_since=could_begin.isoformat())
    last = life.tries[-1].view if life.tries else None
    if last and last.finished_at:
        _fact("Run time", duration(last.finished_at - last.started_at))
    elif last:
        Node("dt", "Run time")
        with Node("dd"):
            Node("time", duration(clock.now() - last.started_at), data_since=last.started_at.isoformat())


def _moments(job: JobView) -> None:
    next_try = job.due_at if job.status is Status.QUEUED and job.attempt else None
    for name, moment in (
        ("Its turn" if job.turn else "Next try", next_try),
        ("Created", job.created_at),
        ("Asked to run", job.run_at),
        ("Started", job.started_at),
        ("Finished", job.finished_at),
    ):
        if moment:
            Node("dt", name)
            with Node("dd"):
                time_node(moment, clock.now())


def _family(name: str, jobs: Sequence[Parent | Child]) -> None:
    if jobs:
        Node("dt", name)
        with Node("dd", "", "fact-jobs"):
            for job in jobs:
                words = f"{job.title} · {job.status}" if job.status else "removed"
                Node("a", f"#{job.id} {words}", "", href=f"/app/jobs/{job.id}")


def _rules(job: JobView, rule: str | None) -> None:
    reasons = (job.approval_reason or "").split("; ")
    if held := rule or "; ".join(reason for reason in reasons if reason != ASKED.title):
        Node("dt", "Approved by rule" if rule else "Rules that held")
        with Node("dd"):
            Node("a", held, "", href=RULES)


def _fact(name: str, value: str) -> None:
    Node("dt", name)
    Node("dd", value, dir="auto")
