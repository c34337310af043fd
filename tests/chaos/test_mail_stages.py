"""A mail server that refuses, hangs up, falls silent or talks nonsense at every stage, and what becomes of the job.

Until the message's content is sent, it has certainly not gone out: the job is tried again, or it fails if the
server said no for good. From the first byte of the content to the server's answer nobody knows, so nothing is
repeated by itself. After that answer nothing can spoil it.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine import clock
from engine.channels.smtp import SmtpServer
from engine.engine import Atlas
from engine.jobs import email_send
from engine.jobs.email_send import EmailSend
from engine.settings import Settings
from models.attempt import Attempt
from models.effect import Effect
from models.job import Job
from models.states import UNKNOWN, AttemptOutcome, Phase, Status
from tests.servers.smtp import SmtpTestServer
from tests.support.engine import changed, running, submitted, until, until_status

DROP, SILENCE, GARBAGE = "drop", "silence", "garbage"
RETRY, FAIL, ASK, COMPLETE = "retry", "fail", "unknown", "complete"

# What becomes of the job, by stage and by what the server does there.
pytestmark = pytest.mark.either

TABLE = {
    "CONNECT": {"421": RETRY, "450": RETRY, "550": FAIL, "554": FAIL, DROP: RETRY, SILENCE: RETRY, GARBAGE: RETRY},
    "EHLO": {"421": RETRY, "450": RETRY, "550": FAIL, "554": FAIL, DROP: RETRY, GARBAGE: RETRY},
    "STARTTLS": {"421": RETRY, "454": RETRY, "550": FAIL, "554": FAIL, DROP: RETRY, GARBAGE: RETRY},
    "AUTH": {"421": RETRY, "454": RETRY, "535": FAIL, "554": FAIL, DROP: RETRY, GARBAGE: RETRY},
    "MAIL": {"421": RETRY, "451": RETRY, "550": FAIL, "553": FAIL, DROP: RETRY, GARBAGE: RETRY},
    "RCPT": {"421": RETRY, "450": RETRY, "550": FAIL, "554": FAIL, DROP: RETRY, SILENCE: RETRY, GARBAGE: RETRY},
    "DATA": {
        **{"421": RETRY, "451": RETRY, "550": FAIL, "554": FAIL, "250": RETRY},
        **{DROP: RETRY, SILENCE: RETRY, GARBAGE: RETRY},
    },
    "354": {"421": RETRY, "451": RETRY, "554": FAIL, DROP: ASK, SILENCE: ASK, GARBAGE: ASK},
    "CONTENT": {
        **{"421": RETRY, "451": RETRY, "550": FAIL, "554": FAIL, "354": ASK},
        **{DROP: ASK, SILENCE: ASK, GARBAGE: ASK},
    },
    "QUIT": {"421": COMPLETE, "550": COMPLETE, DROP: COMPLETE, SILENCE: COMPLETE, GARBAGE: COMPLETE},
}
BEFORE_THE_EFFECT = ("CONNECT", "EHLO", "STARTTLS", "AUTH")  # nothing is committed as `sending` yet
TAKEN = {("CONTENT", DROP), ("CONTENT", SILENCE)}  # the server has the message, and does not say so

MAIL = {"to": ["ada@example.org"], "subject": "Hello", "body": "Text"}
IMPATIENT, IN_TIME_FOR_THE_STEPS_BEFORE = 0.3, 3.0  # seconds


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SmtpTestServer]:
    """A server with STARTTLS and an account, so that every stage comes."""
    with SmtpTestServer(tls="starttls", username="jobs", password="geheim") as running:
        running.ca.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))  # what the system trusts
        yield running


@pytest.mark.parametrize(
    ("stage", "trouble", "becomes"),
    [(stage, trouble, becomes) for stage, row in TABLE.items() for trouble, becomes in row.items()],
)
async def test_trouble_at_a_stage_becomes_what_the_table_says(
    server: SmtpTestServer, settings: Settings, monkeypatch: pytest.MonkeyPatch, stage: str, trouble: str, becomes: str
) -> None:
    said = order(server, stage, trouble)
    async with running(through(server, settings), EmailSend()) as atlas:
        with monkeypatch.context() as patch:
            if trouble == SILENCE and becomes != COMPLETE:
                give_up_early(patch, stage)
            job_id = await submitted(atlas, "EMAIL_SEND", MAIL)
            job, attempt = await after_the_first_try(atlas, job_id)
        phases = [effect.phase for effect in await Effect.filter(job_id=job_id)]
        assert job.attempt == 1
        assert job.error is None if becomes == COMPLETE else said in str(job.error)
        assert len(server.messages) == (1 if becomes == COMPLETE or (stage, trouble) in TAKEN else 0)
        match becomes:
            case "retry":
                assert (job.status, job.outcome, attempt.outcome) == (Status.QUEUED, None, AttemptOutcome.RETRYING)
                assert job.due_at is not None
                assert job.due_at > clock.now()
                assert phases == ([] if stage in BEFORE_THE_EFFECT else [Phase.FAILED])
                await the_next_try_delivers(atlas, server, job_id)
            case "fail":
                assert (job.status, job.outcome, attempt.outcome) == (Status.FAILED, None, AttemptOutcome.FAILED)
                assert phases == ([] if stage in BEFORE_THE_EFFECT else [Phase.FAILED])
            case "unknown":
                assert (job.status, job.outcome, attempt.outcome) == (Status.FAILED, UNKNOWN, AttemptOutcome.UNKNOWN)
                assert phases == [Phase.SENDING]
                await another_mail_goes_out_and_this_one_does_not(atlas, server, job_id)
            case "complete":
                assert (job.status, attempt.outcome) == (Status.COMPLETED, AttemptOutcome.SUCCEEDED)
                assert phases == [Phase.DONE]
                await asyncio.to_thread(server.wait_until, lambda: not server.connections or "QUIT" in server.held)
                assert await Job.exists(id=job_id, status=Status.COMPLETED, error=None)


def order(server: SmtpTestServer, stage: str, trouble: str) -> str:
    """Tell the server what to do, once; returns what the job's error has to say of it."""
    if trouble == DROP:
        server.drop(stage)
        return ""
    if trouble == SILENCE:
        server.hold(stage)
        return "no answer in time"
    answer = "What?" if trouble == GARBAGE else f"{trouble} {trouble[0]}.0.0 As the test says"
    if stage == "354":
        server.answer("DATA", f"354 Go ahead\r\n{answer}")
    else:
        server.answer(stage, answer)
    return answer


def through(server: SmtpTestServer, settings: Settings) -> Settings:
    account = {"smtp_username": server.username, "smtp_password": server.password, "smtp_from": "jobs@example.org"}
    return changed(settings, smtp_host=server.host, smtp_port=server.port, **account)


def give_up_early(patch: pytest.MonkeyPatch, stage: str) -> None:
    """Wait for the answer at this stage as long as a test can."""
    usual = email_send.mail_server
    after_the_go_ahead = stage in ("354", "CONTENT")

    def impatient(settings: Settings) -> SmtpServer | None:
        server = usual(settings)
        assert server
        if after_the_go_ahead:
            return replace(server, answer_timeout=IMPATIENT)
        return replace(server, timeout=IMPATIENT if stage in BEFORE_THE_EFFECT else IN_TIME_FOR_THE_STEPS_BEFORE)

    patch.setattr(email_send, "mail_server", impatient)


async def after_the_first_try(atlas: Atlas, job_id: int) -> tuple[Job, Attempt]:
    """The job and its attempt, once both are recorded."""

    async def holds() -> Any:
        job = await Job.get(id=job_id)
        return job.status is not Status.RUNNING and await Attempt.exists(job_id=job_id, outcome__isnull=False)

    await until(atlas, holds, "the first attempt recorded")
    (attempt,) = await Attempt.filter(job_id=job_id)
    return await Job.get(id=job_id), attempt


async def the_next_try_delivers(atlas: Atlas, server: SmtpTestServer, job_id: int) -> None:
    await Job.filter(id=job_id).update(due_at=clock.now())
    job = await until_status(atlas, job_id, Status.COMPLETED)
    assert (job.attempt, len(server.messages)) == (2, 1)


async def another_mail_goes_out_and_this_one_does_not(atlas: Atlas, server: SmtpTestServer, job_id: int) -> None:
    taken = len(server.messages)
    await until_status(atlas, await submitted(atlas, "EMAIL_SEND", MAIL), Status.COMPLETED)
    assert (await Attempt.filter(job_id=job_id).count(), len(server.messages)) == (1, taken + 1)
    assert await Job.exists(id=job_id, status=Status.FAILED, outcome=UNKNOWN)
