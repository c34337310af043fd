"""A job's work once more, as a new job: with the same payload, after a question where it cannot be taken back."""

from collections.abc import Sequence
from typing import Any

from nicegui import ui

from engine.approvals.terms import ASKED
from engine.errors import InvalidInput, JobRunnerError
from engine.jobs import AnyJobType
from engine.jobs.base import EffectKind
from engine.views import EffectView, JobView
from models.states import Phase, Status
from ui.components.dialogs import confirm
from ui.components.effects import effect_words
from ui.components.toasts import say
from ui.layout import Shell

OVER = frozenset({Status.COMPLETED, Status.FAILED, Status.CANCELLED})
_VERBS = {"EMAIL_SEND": "Send", "SOCIAL_POST": "Publish"}


async def run_again(shell: Shell, job: JobView, effects: Sequence[EffectView]) -> None:
    """Ask first if it cannot be taken back; then create the job, and go to its page."""
    job_type = type_of(shell, job)
    if job_type is None:
        return
    if job_type.effect is not EffectKind.IRREVERSIBLE:
        await _run(shell, job, job_type)
        return
    verb = f"{_VERBS.get(job.type, 'Run')} again"
    confirm(f"{verb}?", consequences(job, effects), verb, "Cancel", lambda: _run(shell, job, job_type))


def type_of(shell: Shell, job: JobView) -> AnyJobType | None:
    """The job's type; where it is gone, that is told."""
    job_type = shell.atlas.queries.job_type(job.type)
    if job_type is None:
        say(f"{job.name} cannot be run again: its type {job.type} is not installed here any more", is_good=False)
    return job_type


def consequences(job: JobView, effects: Sequence[EffectView]) -> list[str]:
    """To whom it would go, and what went out before."""
    sentences = [f"{job.name}: {job.summary}" if job.summary else job.name]
    for effect in effects:
        if effect.phase != Phase.FAILED:
            at = effect.finished_at or effect.started_at
            sentences.append(f"{effect_words(effect, is_over=True)} ({at:%Y-%m-%d %H:%M:%S} UTC).")
    if len(sentences) == 1:
        sentences.append("Nothing of it has gone out so far.")
    return [*sentences, "A new job does it once more; that cannot be taken back."]


def go_to_new(job_id: int, label: str) -> None:
    """Show the page of a job that was just created."""
    ui.navigate.to(f"/app/jobs/{job_id}")
    say(f"{label}: queued as a new job, number {job_id}")


def kept(job: JobView, job_type: AnyJobType) -> dict[str, Any]:
    """What a new job keeps of the earlier one beside its payload: a person that was asked for is asked again."""
    return {
        "name": None if job.name == job_type.label else job.name,
        "requires_approval": ASKED.title in (job.approval_reason or "").split("; "),
    }


async def _run(shell: Shell, job: JobView, job_type: AnyJobType) -> None:
    payload = job_type.editable(job.payload)
    try:
        made = await shell.desk.submit(job.type, payload, priority=job.priority, **kept(job, job_type))
    except InvalidInput as error:
        say(f"{job.name} cannot be run again as it is. {error.errors[0].message}: edit it first", is_good=False)
        return
    except JobRunnerError as error:
        say(f"{job.name}: {error}", is_good=False)
        return
    go_to_new(made.id, job.name)
