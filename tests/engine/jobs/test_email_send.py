"""EMAIL_SEND against a real mail server: what arrives, once, under the identity that was stored."""

import base64
from collections.abc import Iterator
from email import message_from_bytes
from email.policy import SMTP
from pathlib import Path
from typing import Any

import pytest

from engine.actors import local
from engine.engine import Atlas
from engine.errors import InvalidInput
from engine.jobs.base import Context
from engine.jobs.email_send import EmailSend, mail_server
from engine.retry import RetryPolicy
from engine.settings import Settings
from engine.storage import open_storage
from models.states import Status
from tests.servers.smtp import SmtpTestServer
from tests.support.engine import changed, running, scripted, submitted, until_status

MAIL = {"to": ["ada@example.org", "bob@example.org"], "subject": "Hello", "body": "Dear **all**"}


class QuickEmailSend(EmailSend):
    """Tries again at once."""

    retry = RetryPolicy(attempts=3, base=0.01)


@pytest.fixture
def server() -> Iterator[SmtpTestServer]:
    with SmtpTestServer() as running:
        yield running


def through(server: SmtpTestServer, settings: Settings, **more: Any) -> Settings:
    """Settings that send through this server."""
    usual = {"smtp_host": server.host, "smtp_port": server.port, "smtp_security": server.tls}
    return changed(settings, smtp_from="Job Runner <jobs@example.org>", **{**usual, **more})


async def identity_of(atlas: Atlas, job_id: int) -> str:
    (effect,) = await atlas.queries.effects(job_id)
    return str(effect.identity["message_id"])


@pytest.mark.either
@pytest.mark.parametrize("tls", ["starttls", "tls"])
async def test_a_mail_arrives_through_an_encrypted_and_signed_in_connection(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tls: Any
) -> None:
    with SmtpTestServer(tls=tls, username="jobs", password="geheim") as server:
        server.ca.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))  # what the system trusts
        account = {"smtp_username": "jobs", "smtp_password": "geheim"}
        async with running(through(server, settings, **account), QuickEmailSend()) as atlas:
            job_id = await submitted(atlas, "EMAIL_SEND", {**MAIL, "bcc": ["eve@example.org"]})
            job = await until_status(atlas, job_id, Status.COMPLETED)
            (received,) = server.messages
            stored = await identity_of(atlas, job_id)
    assert received.sender == "jobs@example.org"
    assert received.recipients == ("ada@example.org", "bob@example.org", "eve@example.org")
    assert (received.message["Subject"], received.message["Bcc"]) == ("Hello", None)
    assert received.message["Message-ID"] == stored
    assert job.result == {
        "message": "Sent to 3 recipients",
        "message_id": stored,
        "accepted": ["ada@example.org", "bob@example.org", "eve@example.org"],
        "refused": {},
    }


@pytest.mark.either
async def test_a_wrong_password_fails_at_once_and_sends_nothing(settings: Settings) -> None:
    with SmtpTestServer(username="jobs", password="geheim") as server:
        account = {"smtp_username": "jobs", "smtp_password": "wrong"}
        async with running(through(server, settings, **account), QuickEmailSend()) as atlas:
            job = await until_status(atlas, await submitted(atlas, "EMAIL_SEND", MAIL), Status.FAILED)
            assert "535" in (job.error or "")
            assert (job.attempt, job.outcome, server.messages) == (1, None, [])
            assert await atlas.queries.effects(job.id) == [], "nothing was begun"


@pytest.mark.either
async def test_what_some_recipients_servers_refuse_is_told_and_the_others_have_it(
    server: SmtpTestServer, settings: Settings
) -> None:
    server.answer("RCPT", "550 5.1.1 User unknown", address="bob@example.org")
    async with running(through(server, settings), QuickEmailSend()) as atlas:
        job = await until_status(atlas, await submitted(atlas, "EMAIL_SEND", MAIL), Status.COMPLETED)
    assert job.result
    assert job.result["message"] == "Sent to 1 of 2 recipients; refused: bob@example.org (550 5.1.1 User unknown)"
    assert job.result["accepted"] == ["ada@example.org"]
    assert server.messages[0].recipients == ("ada@example.org",)


async def test_a_refusal_for_now_is_tried_again_under_the_same_message_id(
    server: SmtpTestServer, settings: Settings
) -> None:
    server.answer("CONTENT", "451 4.7.1 Greylisted", times=2)
    async with running(through(server, settings), QuickEmailSend()) as atlas:
        job_id = await submitted(atlas, "EMAIL_SEND", MAIL)
        job = await until_status(atlas, job_id, Status.COMPLETED)
        stored = await identity_of(atlas, job_id)
        attempts = await atlas.queries.attempts(job_id)
    assert job.attempt == 3
    assert [attempt.outcome for attempt in attempts] == ["retrying", "retrying", "succeeded"]
    assert "451 4.7.1 Greylisted" in (attempts[0].error or "")
    assert [received.message["Message-ID"] for received in server.messages] == [stored]


async def test_a_server_that_is_down_is_tried_again_until_it_is_given_up(settings: Settings) -> None:
    with SmtpTestServer() as server:
        gone = through(server, settings)
    async with running(gone, QuickEmailSend()) as atlas:
        job = await until_status(atlas, await submitted(atlas, "EMAIL_SEND", MAIL), Status.FAILED)
    assert (job.attempt, job.outcome) == (3, None)
    assert (job.error or "").startswith("Gave up after 3 attempts: Nothing was sent: the connection to 127.0.0.1")


async def test_a_line_cut_after_the_content_is_unknown_and_never_repeated_by_itself(
    server: SmtpTestServer, settings: Settings
) -> None:
    server.drop("CONTENT")
    async with running(through(server, settings), QuickEmailSend()) as atlas:
        job_id = await submitted(atlas, "EMAIL_SEND", MAIL)
        job = await until_status(atlas, job_id, Status.FAILED)
        stored = await identity_of(atlas, job_id)
        assert (job.outcome, job.attempt, len(server.messages)) == ("unknown", 1, 1)
        assert stored in (job.error or ""), "the evidence to look for"
        other = await submitted(atlas, "EMAIL_SEND", MAIL)  # meanwhile the engine goes on with others
        await until_status(atlas, other, Status.COMPLETED)
        assert len(server.messages) == 2
        await atlas.commands.resolve(job_id, went_out=False)
        await until_status(atlas, job_id, Status.COMPLETED)
    assert [received.message["Message-ID"] for received in server.messages if stored in str(received.message)] == [
        stored,
        stored,
    ]


async def test_saying_that_it_went_out_sends_nothing_more(server: SmtpTestServer, settings: Settings) -> None:
    server.drop("CONTENT")
    async with running(through(server, settings), QuickEmailSend()) as atlas:
        job_id = await submitted(atlas, "EMAIL_SEND", MAIL)
        await until_status(atlas, job_id, Status.FAILED)
        await atlas.commands.resolve(job_id, went_out=True)
        job = await until_status(atlas, job_id, Status.COMPLETED)
        assert EmailSend().result_line(job.result or {}).text == "Went out, as a person confirmed"
        await until_status(atlas, await submitted(atlas, "EMAIL_SEND", MAIL), Status.COMPLETED)
    assert len(server.messages) == 2


@pytest.mark.either
async def test_without_a_server_the_mail_is_saved_in_the_outbox_and_the_job_says_so(stored: Settings) -> None:
    async with running(stored) as atlas:
        job = await until_status(atlas, await submitted(atlas, "EMAIL_SEND", MAIL), Status.COMPLETED)
        identity = await identity_of(atlas, job.id)
    assert job.result
    storage = open_storage(stored)
    saved = await storage.get(f"outbox/{job.result['file']}")
    assert saved
    assert job.result["message"] == "Saved to the outbox: no mail server is configured"
    assert await storage.names("outbox") == [job.result["file"]]
    message = message_from_bytes(saved, policy=SMTP)
    assert (message["Subject"], message["Message-ID"]) == ("Hello", identity)


@pytest.mark.either
@pytest.mark.parametrize(
    ("to", "kept"),
    [
        ("ada@example.org", ["ada@example.org"]),
        ("ada@example.org, bob@example.org;cy@example.org", ["ada@example.org", "bob@example.org", "cy@example.org"]),
        (["ada@EXAMPLE.org", "ada@example.org"], ["ada@example.org"]),
    ],
)
async def test_recipients_may_be_one_several_or_a_list_and_count_once(
    settings: Settings, to: Any, kept: list[str]
) -> None:
    async with running(settings) as atlas:
        job_id = await submitted(atlas, "EMAIL_SEND", {**MAIL, "to": to})
        assert (await atlas.queries.job(job_id)).payload["to"] == kept


@pytest.mark.either
@pytest.mark.parametrize(
    "to", ["ada", "ada@", "@example.org", "a b@example.org", "ada@example.org\nBcc: x@y.org", [None]]
)
async def test_what_is_no_address_is_refused(settings: Settings, to: Any) -> None:
    async with running(settings) as atlas:
        with pytest.raises(InvalidInput) as caught:
            await submitted(atlas, "EMAIL_SEND", {**MAIL, "to": to})
    assert caught.value.errors[0].field.startswith("payload.to")


@pytest.mark.parametrize(("security", "port"), [("starttls", 587), ("tls", 465), ("none", 25)])
def test_a_server_without_a_port_is_reached_on_the_usual_one(security: Any, port: int) -> None:
    server = mail_server(Settings(smtp_host="mail.example.org", smtp_security=security))
    assert server
    assert server.port == port


@pytest.mark.either
async def test_a_file_of_an_earlier_job_goes_with_a_mail_as_it_was_when_that_was_accepted(
    settings: Settings, server: SmtpTestServer
) -> None:
    async def report(context: Context) -> dict[str, Any]:
        context.artifact("Bericht.csv").write_bytes(b"a;b\n1;2\n")
        return {}

    async with running(through(server, settings), QuickEmailSend(), scripted(report)) as atlas:
        earlier = await submitted(atlas)
        await until_status(atlas, earlier, Status.COMPLETED)
        more = {"data": base64.b64encode(b"hello").decode(), "name": "hello.txt"}
        payload = {**MAIL, "attachments": [f"{earlier}/Bericht.csv", more]}
        job_id = await submitted(atlas, "EMAIL_SEND", payload, requires_approval=True)
        for file in settings.data_dir.rglob("Bericht.csv"):
            file.write_bytes(b"changed")
        await atlas.reviews.approve(local(), job_id)
        job = await until_status(atlas, job_id, Status.COMPLETED)
    (received,) = server.messages
    parts = received.message.iter_attachments()
    attached = {part.get_filename(): part.get_payload(decode=True) for part in parts}
    assert attached == {"Bericht.csv": b"a;b\n1;2\n", "hello.txt": b"hello"}
    assert [set(each) for each in job.payload["attachments"]] == [{"file", "name"}] * 2


@pytest.mark.either
@pytest.mark.parametrize(
    ("attachments", "field", "words"),
    [
        (["7/none.pdf"], "payload.attachments.0", "Attachments 1 must be a file that an earlier job made"),
        (["none.pdf"], "payload.attachments.0", "Attachments 1 must be base64 data, or a file of an earlier job"),
        ([{"data": "%"}], "payload.attachments.0.data", "Attachments 1 must be base64"),
        ([{"data": "é"}], "payload.attachments.0.data", "Attachments 1 must be base64"),
        ([{"data": "aA==", "name": "../x"}], "payload.attachments.0.name", "must be a plain file name"),
        ([{"data": "aA=="}] * 11, "payload.attachments", "at most 10 entries"),
        (
            [{"data": base64.b64encode(bytes(8_000_000)).decode()}] * 2,
            "payload.attachments",
            "not 16,000,000",
        ),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_what_cannot_be_attached_is_refused_by_field(
    settings: Settings, attachments: list[Any], field: str, words: str
) -> None:
    async with running(settings, EmailSend()) as atlas:
        with pytest.raises(InvalidInput) as refused:
            await submitted(atlas, "EMAIL_SEND", {**MAIL, "attachments": attachments})
    (fault,) = refused.value.errors
    assert fault.field == field
    assert words in fault.message
