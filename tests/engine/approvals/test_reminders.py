"""Reviewers hear of what waits for them: once, then daily, in one mail, and whatever the mail server does."""

import logging
from datetime import timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTPUTF8
from typing import Any

import pytest

from engine import clock
from engine.approvals import reminders
from engine.approvals.terms import Need, Terms
from engine.engine import Atlas
from engine.errors import SettingsError
from engine.settings import Settings, load_settings
from engine.storage import open_storage
from engine.webhooks import REMINDER
from models.job import Job
from models.states import Approval, Status
from models.webhook import Delivery, Webhook
from tests.engine.approvals.test_lapsing import ADA, HOUR, MAIL, looking, waiting, wind
from tests.servers.hook import HookServer
from tests.servers.smtp import SmtpTestServer
from tests.support.engine import changed, opened, running, until

DAY = timedelta(days=1)
PUBLIC = "https://jobs.example.org"


def mailing(settings: Settings, server: SmtpTestServer, **more: Any) -> Settings:
    """With this mail server, and two reviewers."""
    mail = {"smtp_host": server.host, "smtp_port": server.port, "smtp_security": "none", "public_url": PUBLIC}
    reviewers = "ada@example.org, Bob Fox <bob@example.org>"
    return changed(settings, **{**mail, "smtp_from": "jobs@example.org", "reviewers_email": reviewers, **more})


def text_of(message: EmailMessage, kind: str = "plain") -> str:
    part = message.get_body((kind,))
    assert part
    return str(part.get_content())


def terms(title: str) -> dict[str, Any]:
    return Terms((Need(title),)).stored()


async def test_one_mail_lists_everything_that_waits_with_a_link_to_each(settings: Settings) -> None:
    with SmtpTestServer() as server:
        async with looking(mailing(settings, server)) as look:
            by = {"created_by": "Reporter", "approval_terms": terms("Mail from agents")}
            first = await waiting(3 * HOUR, name="June numbers", type="EMAIL_SEND", **by)
            second = await waiting(timedelta(0), name="Good news", type="SOCIAL_POST", status=Status.PAUSED)
            await waiting(3 * HOUR, name="Decided", approval=Approval.REJECTED, status=Status.CANCELLED)
            await look.reminders.remind()
        (received,) = server.messages
    assert received.recipients == ("ada@example.org", "bob@example.org")
    assert received.message["Subject"] == "2 jobs wait for your approval"
    text = text_of(received.message)
    assert "`June numbers`" in text
    assert "`EMAIL_SEND` by `Reporter`, for 3 hours" in text
    assert "Needs approval: `Mail from agents`" in text
    assert "`SOCIAL_POST` by `test`, for a moment" in text
    assert [f"<{PUBLIC}/app/approvals?job={job_id}>" in text for job_id in (first, second)] == [True, True]
    assert f'<a href="{PUBLIC}/app/approvals?job={first}">' in text_of(received.message, "html")
    assert "Decided" not in text


async def test_a_job_is_told_once_and_then_daily_until_it_is_decided(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with SmtpTestServer() as server:
        async with looking(mailing(settings, server)) as look:
            job_id = await waiting(timedelta(0))
            told = []
            for after in (0, 1, 23.9, 24.1, 30, 48.2):
                wind(monkeypatch, after * HOUR)
                await look.reminders.remind()
                told.append(len(server.messages))
            assert told == [1, 1, 1, 2, 2, 3]
            await Job.filter(id=job_id).update(approval=Approval.APPROVED)
            wind(monkeypatch, 5 * DAY)
            await look.reminders.remind()
            assert len(server.messages) == 3


async def test_what_comes_to_wait_right_after_a_mail_shares_the_next_one(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with SmtpTestServer() as server:
        async with looking(mailing(settings, server)) as look:
            await waiting(timedelta(0), name="first")
            await look.reminders.remind()
            for name in ("second", "third"):
                await waiting(timedelta(0), name=name)
                await look.reminders.remind()
            assert len(server.messages) == 1
            wind(monkeypatch, reminders.GATHER + timedelta(seconds=1))
            await look.reminders.remind()
        text = text_of(server.messages[1].message)
    assert ["`first`" in text, "`second`" in text, "`third`" in text] == [False, True, True]
    assert server.messages[1].message["Subject"] == "3 jobs wait for your approval"


async def test_a_revision_is_told_anew(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    with SmtpTestServer() as server:
        async with looking(mailing(settings, server)) as look:
            atlas = Atlas(settings)
            job_id = (await atlas.commands.submit("EMAIL_SEND", MAIL, requires_approval=True, created_by="ada")).id
            await look.reminders.remind()
            await atlas.reviews.reject(ADA, job_id)
            wind(monkeypatch, HOUR)
            await look.reminders.remind()
            assert len(server.messages) == 1, "a rejected job waits for nobody"
            await atlas.revisions.revise(ADA, job_id, {**MAIL, "subject": "New numbers"})
            await look.reminders.remind()
            assert len(server.messages) == 2


async def test_no_name_becomes_a_link_or_a_picture_or_another_line_in_the_mail(settings: Settings) -> None:
    nasty = "[Approve](https://evil.example) ![x](https://evil.example/p.png) ` <b>hi</b>"
    with SmtpTestServer() as server:
        async with looking(mailing(settings, server)) as look:
            await waiting(timedelta(0), name=nasty, created_by=nasty, approval_terms=terms(nasty))
            await look.reminders.remind()
        page = text_of(server.messages[0].message, "html")
    assert "https://evil.example" in page
    assert 'href="https://evil.example' not in page
    assert "<img" not in page
    assert "<b>" not in page


async def test_of_very_many_the_mail_names_some_and_counts_the_others(settings: Settings) -> None:
    with SmtpTestServer() as server:
        async with looking(mailing(settings, server)) as look:
            for _ in range(reminders.LISTED + 7):
                await waiting(timedelta(0))
            await look.reminders.remind()
            assert not await Job.filter(reminded_at=None).exists()
        text = text_of(server.messages[0].message)
    assert text.count("/app/approvals?job=") == reminders.LISTED
    assert f"7 more: <{PUBLIC}/app/approvals>" in text


async def test_a_mail_server_that_fails_is_logged_once_asked_again_and_stops_nothing(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    with SmtpTestServer() as server:
        server.answer("RCPT", "451 Try later", times=4)
        async with looking(mailing(settings, server, approval_hours=2)) as look:
            job_id, old = await waiting(timedelta(0)), await waiting(3 * HOUR)
            with caplog.at_level(logging.WARNING):
                await look.reminders.remind()
                await look.reminders.remind()
                assert (await Job.get(id=job_id)).reminded_at is None
                assert await look.reminders.lapse() == 1
                assert (await Job.get(id=old)).approval == "lapsed"
                await look.reminders.remind()
            assert (await Job.get(id=job_id)).reminded_at
    assert len(server.messages) == 1
    assert caplog.text.count("reviewers get no mail about what waits for them, trying again") == 1
    assert "451 Try later" in caplog.text
    assert "reviewers get mail about what waits for them again" in caplog.text


async def test_a_server_that_falls_silent_after_the_mail_gets_it_no_second_time(settings: Settings) -> None:
    with SmtpTestServer() as server:
        server.drop("CONTENT")
        async with looking(mailing(settings, server)) as look:
            await waiting(timedelta(0))
            await look.reminders.remind()
            await look.reminders.remind()
    assert len(server.messages) == 1


async def test_without_a_mail_server_the_mail_goes_to_the_outbox(settings: Settings) -> None:
    own = changed(settings, reviewers_email="ada@example.org", smtp_from="jobs@example.org", port=8123)
    async with looking(own) as look:
        job_id = await waiting(timedelta(0))
        await look.reminders.remind()
        storage = open_storage(own)
        (name,) = await storage.names("outbox")
        message = message_from_bytes(await storage.get(f"outbox/{name}") or b"", EmailMessage, policy=SMTPUTF8)
    assert message["To"] == "ada@example.org"
    assert f"<http://127.0.0.1:8123/app/approvals?job={job_id}>" in text_of(message)


async def test_where_nobody_wants_to_know_nobody_counts_as_told(settings: Settings) -> None:
    async with looking(settings) as look:
        job_id = await waiting(timedelta(0))
        await look.reminders.remind()
        assert (await Job.get(id=job_id)).reminded_at is None
        assert not await open_storage(settings).names("outbox")


# -- webhooks ------------------------------------------------------------------------------------------------


async def hook(*kinds: str) -> None:
    await Webhook.create(
        name="ops", url="http://127.0.0.1:9", kinds=kinds, secret="", created_by="ada", created_at=clock.now()
    )


async def test_a_webhook_that_wants_to_know_is_told_daily_though_no_mail_goes_out(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with SmtpTestServer() as server:
        server.answer("MAIL", "451 Not now", times=None)
        async with looking(mailing(settings, server)) as look:
            await hook(REMINDER)
            await waiting(timedelta(0))
            told = []
            for after in (0, 0.01, 12, 24.1, 24.2):
                wind(monkeypatch, after * HOUR)
                await look.reminders.remind()
                told.append(await Delivery.all().count())
    assert told == [1, 1, 1, 2, 2]


async def test_a_webhook_that_did_not_ask_for_reminders_gets_none(settings: Settings) -> None:
    async with looking(changed(settings, reviewers_email="ada@example.org")) as look:
        await hook("job.needs_approval")
        await waiting(timedelta(0))
        await look.reminders.remind()
        assert not await Delivery.all().exists()


async def test_a_receiver_gets_reminders_and_why_a_job_was_rejected_signed(settings: Settings) -> None:
    with HookServer() as receiver:
        open_to = changed(settings, allow_private_urls="127.0.0.0/8")
        async with opened(settings):
            job_id = await waiting(HOUR, name="June", approval_terms=terms("Mail from agents"))
        async with running(open_to) as atlas:
            kinds = [REMINDER, "job.rejected"]
            _, receiver.secret = await atlas.webhooks.add("ops", receiver.hook, kinds, "ada")
            await atlas._reminders.remind()
            await until(atlas, lambda: _got(receiver, job_id, 1))
            await atlas.reviews.reject(ADA, job_id, comment="Wrong month")
            await until(atlas, lambda: _got(receiver, job_id, 2))
    first, second = [message for tries in receiver.got.values() for message in tries]
    assert (first["type"], second["type"]) == (REMINDER, "job.rejected")
    data = first["data"]
    assert (data["name"], data["approval"], data["reason"]) == ("June", "pending", "Mail from agents")
    assert data["page"] == f"/app/approvals?job={job_id}"
    assert data["waits_since"].endswith("Z")
    assert second["data"]["error"] == "Rejected: Wrong month"


async def _got(receiver: HookServer, job_id: int, count: int) -> bool:
    return len(receiver.kinds_of(job_id)) == count


async def test_a_lapse_is_told_too(settings: Settings) -> None:
    with HookServer() as receiver:
        open_to = changed(settings, allow_private_urls="127.0.0.0/8", approval_hours=2)
        async with running(open_to) as atlas:
            _, receiver.secret = await atlas.webhooks.add("ops", receiver.hook, ["job.lapsed"], "ada")
            job_id = await waiting(3 * HOUR)
            await atlas._reminders.lapse()
            await until(atlas, lambda: _got(receiver, job_id, 1))
    ((message,),) = receiver.got.values()
    assert (message["type"], message["data"]["error"]) == ("job.lapsed", "Nobody decided within 2 hours")


# -- settings ------------------------------------------------------------------------------------------------


@pytest.mark.sqlite
@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("REVIEWERS_EMAIL", "ada", "must be addresses with commas between them, as ada@example.org"),
        ("REVIEWERS_EMAIL", "ada@example.org; bob@example.org", "must be addresses with commas between them"),
        ("REVIEWERS_EMAIL", "ada@example.org, bob", "('bob' "),
        ("PUBLIC_URL", "jobs.example.org", "must be where browsers find the pages, as https://jobs.example.org"),
        ("PUBLIC_URL", "https://jobs.example.org/?x", "must be where browsers find the pages"),
        ("PUBLIC_URL", "javascript://x", "must be where browsers find the pages"),
    ],
)
def test_a_setting_that_cannot_be_is_one_line(
    settings: Settings, name: str, value: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"JOB_RUNNER_{name}", value)
    with pytest.raises(SettingsError) as caught:
        load_settings(data_dir=settings.data_dir)
    assert str(caught.value).startswith(f"JOB_RUNNER_{name} must be ")
    assert told in str(caught.value)
    assert str(caught.value).endswith(f", not {value!r}")


@pytest.mark.sqlite
@pytest.mark.parametrize(
    ("set_to", "address"),
    [
        ({"public_url": "https://jobs.example.org/"}, "https://jobs.example.org"),
        ({"port": 8123}, "http://127.0.0.1:8123"),
        ({"host": "::1"}, "http://[::1]:8080"),
    ],
)
def test_links_lead_to_where_browsers_find_the_pages(settings: Settings, set_to: dict[str, Any], address: str) -> None:
    assert changed(settings, **set_to).address == address
