"""What handing a message to a mail server comes to, against a real one; every fault at every stage."""

import asyncio
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from email.message import EmailMessage

import pytest

from engine.channels.mail import Mail, build
from engine.channels.smtp import Delivery, Security, SmtpServer, check, connect
from engine.errors import AttemptError, OutcomeUnknown, PermanentError, TransientError
from tests.servers.smtp import SmtpTestServer

SENDER = "jobs@example.org"
ADA, BOB = "ada@example.org", "bob@example.org"
MESSAGE_ID = "<4f1a@example.org>"


@pytest.fixture
def server() -> Iterator[SmtpTestServer]:
    with SmtpTestServer() as running:
        yield running


def settings(
    server: SmtpTestServer, *, password: str | None = None, timeout: float = 5, answer_timeout: float = 5
) -> SmtpServer:
    return SmtpServer(
        host=server.host,
        port=server.port,
        username=server.username,
        password=password or server.password,
        security=server.tls,
        timeout=timeout,
        ssl_context=server.ssl_context,
        answer_timeout=answer_timeout,
    )


def a_message(*to: str, body: str = "Hello *you*") -> EmailMessage:
    mail = Mail(sender=SENDER, to=to or (ADA,), cc=(), bcc=(), subject="Hello", body=body)
    return build(mail, MESSAGE_ID, datetime(2026, 11, 23, tzinfo=UTC))


async def send(to: SmtpServer, *recipients: str, message: EmailMessage | None = None) -> Delivery:
    async with connect(to) as session:
        return await session.send(message or a_message(), SENDER, recipients or (ADA,))


@pytest.mark.parametrize("tls", ["none", "starttls", "tls"])
async def test_a_message_arrives_as_it_was_built_after_signing_in(tls: Security) -> None:
    message = a_message(body="..dots\n.\nand more\n")
    with SmtpTestServer(tls=tls, username="ada", password="geheim ü") as server:
        delivery = await send(settings(server), ADA, BOB, message=message)
        (received,) = server.messages
        assert delivery == Delivery((ADA, BOB), {}, "250 2.0.0 Ok: queued as 4F1A")
        assert (received.sender, received.recipients) == (SENDER, (ADA, BOB))
        assert received.raw == message.as_bytes()


@pytest.mark.parametrize(
    ("stage", "answer", "expected"),
    [
        ("CONNECT", "421 4.3.2 Too busy", TransientError),
        ("CONNECT", "554 5.7.1 Not for you", PermanentError),
        ("CONNECT", "drop", TransientError),
        ("CONNECT", "silence", TransientError),
        ("EHLO", "450 4.7.1 Later", TransientError),
        ("EHLO", "550 5.7.1 Unwelcome", PermanentError),
        ("EHLO", "drop", TransientError),
        ("STARTTLS", "454 4.7.0 Not now", TransientError),
        ("STARTTLS", "554 5.7.0 Never", PermanentError),
        ("STARTTLS", "drop", TransientError),
        ("AUTH", "454 4.7.0 Temporary authentication failure", TransientError),
        ("AUTH", "535 5.7.8 Wrong", PermanentError),
        ("AUTH", "drop", TransientError),
        ("MAIL", "451 4.3.0 Try later", TransientError),
        ("MAIL", "421 4.3.2 Shutting down", TransientError),
        ("MAIL", "553 5.1.8 Not your address", PermanentError),
        ("MAIL", "nonsense", TransientError),
        ("MAIL", "drop", TransientError),
        ("RCPT", "450 4.2.0 Greylisted", TransientError),
        ("RCPT", "550 5.1.1 User unknown", PermanentError),
        ("RCPT", "drop", TransientError),
        ("RCPT", "silence", TransientError),
        ("DATA", "451 4.3.0 Disk trouble", TransientError),
        ("DATA", "554 5.7.1 No", PermanentError),
        ("DATA", "250 2.0.0 What?", TransientError),
        ("DATA", "drop", TransientError),
        ("DATA", "silence", TransientError),
        ("354", "silence", OutcomeUnknown),
        ("CONTENT", "451 4.7.1 Greylisted", TransientError),
        ("CONTENT", "421 4.3.2 Shutting down", TransientError),
        ("CONTENT", "554 5.7.1 Spam", PermanentError),
        ("CONTENT", "354 Go on", OutcomeUnknown),
        ("CONTENT", "nonsense", OutcomeUnknown),
        ("CONTENT", "drop", OutcomeUnknown),
        ("CONTENT", "silence", OutcomeUnknown),
    ],
)
async def test_a_fault_is_certain_until_the_content_is_out(
    stage: str, answer: str, expected: type[AttemptError]
) -> None:
    with SmtpTestServer(tls="starttls", username="ada", password="pw") as server:
        if answer == "drop":
            server.drop(stage)
        elif answer == "silence":
            server.hold(stage)
        else:
            server.answer(stage, answer)
        timeout = 0.3 if answer == "silence" and expected is TransientError else 5
        answer_timeout = 0.3 if answer == "silence" else 5
        with pytest.raises(AttemptError) as caught:
            await send(settings(server, timeout=timeout, answer_timeout=answer_timeout))
        assert type(caught.value) is expected
        assert server.host in str(caught.value)
        if answer[0].isdigit():
            assert answer in str(caught.value)


async def test_an_unknown_outcome_names_the_message_that_may_have_been_taken(server: SmtpTestServer) -> None:
    server.drop("CONTENT")
    with pytest.raises(OutcomeUnknown, match=f"may or may not have taken the message {MESSAGE_ID}"):
        await send(settings(server))
    assert server.wait_for(1)[0].message["Message-ID"] == MESSAGE_ID


async def test_a_greylisted_message_is_taken_the_next_time(server: SmtpTestServer) -> None:
    server.answer("CONTENT", "451 4.7.1 Greylisted", times=1)
    with pytest.raises(TransientError, match=r"refused the message: 451 4\.7\.1 Greylisted"):
        await send(settings(server))
    await send(settings(server))
    assert len(server.messages) == 1


async def test_refused_recipients_are_reported_and_the_others_get_the_message(server: SmtpTestServer) -> None:
    server.answer("RCPT", "550 5.1.1 User unknown", address=ADA)
    delivery = await send(settings(server), ADA, BOB)
    assert delivery.accepted == (BOB,)
    assert delivery.refused == {ADA: "550 5.1.1 User unknown"}
    assert server.messages[0].recipients == (BOB,)


@pytest.mark.parametrize(
    ("answer", "expected"), [("550 5.7.1 No", PermanentError), ("452 4.5.3 Too many", TransientError)]
)
async def test_all_recipients_refused_is_for_good_only_if_every_answer_is(
    server: SmtpTestServer, answer: str, expected: type[AttemptError]
) -> None:
    server.answer("RCPT", "550 5.1.1 User unknown", address=ADA)
    server.answer("RCPT", answer, address=BOB)
    with pytest.raises(AttemptError) as caught:
        await send(settings(server), ADA, BOB)
    assert type(caught.value) is expected
    assert str(caught.value) == (
        f"{server.host} refused every recipient: {ADA} (550 5.1.1 User unknown); {BOB} ({answer})"
    )
    assert "DATA" not in server.commands


async def test_a_server_that_goes_away_between_recipients_sends_nothing_to_anybody(
    server: SmtpTestServer,
) -> None:
    server.answer("RCPT", "421 4.3.2 Shutting down", address=BOB)
    with pytest.raises(TransientError, match="421"):
        await send(settings(server), ADA, BOB)
    assert server.messages == []


async def test_a_wrong_password_is_tried_once_and_named() -> None:
    with SmtpTestServer(tls="tls", username="ada", password="right") as server:
        with pytest.raises(PermanentError, match="refused the user name or password: 535") as caught:
            await send(settings(server, password="wrong"))
        assert "wrong" not in str(caught.value)
        assert len([each for each in server.commands if each.startswith("AUTH")]) == 1


def test_a_password_is_not_shown() -> None:
    assert "geheim" not in repr(SmtpServer("mail.test", 587, "ada", "geheim", "starttls"))


async def test_a_server_without_starttls_gets_neither_password_nor_mail() -> None:
    with SmtpTestServer(tls="starttls", username="ada", password="pw", without=["STARTTLS"]) as server:
        with pytest.raises(PermanentError, match="does not offer STARTTLS"):
            await send(settings(server))
        assert [each.split()[0] for each in server.commands if each != "QUIT"] == ["EHLO"]


async def test_a_server_that_offers_no_way_to_sign_in_is_named() -> None:
    with (
        SmtpTestServer(username="ada", password="pw", without=["AUTH"]) as server,
        pytest.raises(PermanentError, match=r"127\.0\.0\.1 offers no way to sign in"),
    ):
        await send(settings(server))


@pytest.mark.parametrize("tls", ["starttls", "tls"])
async def test_a_certificate_of_an_unknown_authority_is_refused_with_the_reason(tls: Security) -> None:
    with SmtpTestServer(tls=tls) as server:
        stranger = SmtpServer(server.host, server.port, None, None, server.tls)
        expected = r"The certificate of 127\.0\.0\.1 cannot be trusted: unable to get local issuer certificate"
        with pytest.raises(PermanentError, match=expected):
            await send(stranger)


@pytest.mark.parametrize("tls", ["starttls", "tls"])
async def test_a_certificate_for_another_host_is_refused(tls: Security) -> None:
    expected = r"The certificate of 127\.0\.0\.1 cannot be trusted: IP address mismatch"
    with (
        SmtpTestServer(tls=tls, certified="mail.test") as server,
        pytest.raises(PermanentError, match=expected),
    ):
        await send(settings(server))


async def test_tls_against_a_server_without_it_is_for_a_person_to_mend(server: SmtpTestServer) -> None:
    with pytest.raises(PermanentError, match=f"cannot agree on TLS on port {server.port}"):
        await send(SmtpServer(server.host, server.port, None, None, "tls"))


async def test_a_server_that_is_not_there_may_come_back() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    with pytest.raises(TransientError, match=rf"first contact on port {port} .*\(Connection refused\)"):
        await send(SmtpServer("127.0.0.1", port, None, None, "none"))


async def test_a_host_name_that_cannot_be_is_for_a_person_to_mend() -> None:
    with pytest.raises(PermanentError, match=r"mail\.\.test"):
        await send(SmtpServer("mail..test", 25, None, None, "none"))


async def test_addresses_beyond_ascii_travel_as_utf8_where_the_server_can() -> None:
    with SmtpTestServer() as server:
        await send(settings(server), "pelé@bücher.example", message=a_message("Pelé <pelé@bücher.example>"))
        (received,) = server.messages
    assert received.recipients == ("pelé@xn--bcher-kva.example",)
    assert "SMTPUTF8" in received.options
    assert "To: =?utf-8?b?UGVsw6k=?=\r\n <pelé@xn--bcher-kva.example>".encode() in received.raw


async def test_addresses_beyond_ascii_are_refused_by_name_where_the_server_cannot() -> None:
    with SmtpTestServer(without=["SMTPUTF8"]) as server:
        with pytest.raises(PermanentError, match="cannot handle pelé@"):
            await send(settings(server), ADA, "pelé@example.org")
        await send(settings(server), "ada@bücher.example", message=a_message("ada@bücher.example"))
        assert server.messages[0].recipients == ("ada@xn--bcher-kva.example",)


async def test_an_address_that_is_none_is_refused_before_the_server_hears_of_it(
    server: SmtpTestServer,
) -> None:
    with pytest.raises(PermanentError, match="must not contain line breaks"):
        await send(settings(server), "ada@example.org>\r\nRCPT TO:<eve@example.org")
    assert not any(each.startswith("MAIL") for each in server.commands)


async def test_a_message_cannot_smuggle_another_by_odd_line_ends(server: SmtpTestServer) -> None:
    message = a_message()
    message.set_payload("one\n.\nMAIL FROM:<eve@example.org>\r.\r")
    await send(settings(server), message=message)
    assert len(server.messages) == 1


async def test_a_servers_answer_is_kept_on_one_printable_line(server: SmtpTestServer) -> None:
    server.answer("CONTENT", "554-5.7.1 first \x07 line\r\n554 5.7.1 ünd last")
    with pytest.raises(PermanentError, match=r"message: 554 5\.7\.1 first line 5\.7\.1 ünd last$"):
        await send(settings(server))


@pytest.mark.parametrize("trouble", ["silence", "drop", "421 4.3.2 Bye"])
async def test_trouble_after_the_answer_neither_delays_nor_spoils_the_delivery(
    server: SmtpTestServer, trouble: str
) -> None:
    if trouble == "silence":
        server.hold("QUIT")
    elif trouble == "drop":
        server.drop("QUIT")
    else:
        server.answer("QUIT", trouble)
    async with asyncio.timeout(3):
        assert (await send(settings(server))).accepted == (ADA,)


@pytest.mark.parametrize("tls", ["none", "starttls", "tls"])
@pytest.mark.parametrize("stage", ["CONNECT", "EHLO", "AUTH", "RCPT", "354", "CONTENT"])
async def test_cancelling_cuts_the_connection_at_once(tls: Security, stage: str) -> None:
    with SmtpTestServer(tls=tls, username="ada", password="pw") as server:
        server.hold(stage)
        sending = asyncio.create_task(send(settings(server, timeout=60, answer_timeout=60)))
        await asyncio.to_thread(server.wait_until, lambda: stage in server.held)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        await asyncio.to_thread(server.wait_until, lambda: not server.connections)


@pytest.mark.parametrize("steps", range(6))
async def test_a_cancellation_that_meets_the_go_ahead_is_not_lost(server: SmtpTestServer, steps: int) -> None:
    for stage in ("DATA", "354", "CONTENT"):
        server.hold(stage)
    sending = asyncio.create_task(send(settings(server)))
    await asyncio.to_thread(server.wait_until, lambda: "DATA" in server.held)
    server.release()
    server.wait_until(lambda: "354" in server.held)  # blocks our loop, so the go-ahead is there but unread
    for _ in range(steps):
        await asyncio.sleep(0)
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending


@pytest.mark.parametrize(("tls", "words"), [("none", "not encrypted"), ("starttls", "STARTTLS"), ("tls", "TLS")])
async def test_a_check_says_what_works_and_sends_nothing(tls: Security, words: str) -> None:
    with SmtpTestServer(tls=tls, username="ada", password="pw") as server:
        assert await check(settings(server)) == (
            f"127.0.0.1 accepts mail from this account ({words}, signed in as ada)"
        )
        assert not any(each.startswith("MAIL") for each in server.commands)


async def test_a_check_without_an_account_says_so(server: SmtpTestServer) -> None:
    assert await check(settings(server)) == ("127.0.0.1 accepts mail from this account (not encrypted, not signed in)")


async def test_a_check_fails_like_sending_does(server: SmtpTestServer) -> None:
    server.answer("NOOP", "421 4.3.2 Shutting down")
    with pytest.raises(TransientError, match="421"):
        await check(settings(server))


async def test_of_a_message_whose_sending_is_broken_off_nothing_more_arrives() -> None:
    """Whoever answers that it did not go out must be right, however late a line that was cut is mended."""
    deaf, listening = asyncio.Event(), asyncio.Event()
    ended = asyncio.get_running_loop().create_future()

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.test\r\n")
        while not (line := await reader.readline()).startswith(b"DATA"):
            writer.write(b"250 mail.test\r\n" if line else b"")
        writer.write(b"354 Go ahead\r\n")
        await reader.read(1)
        deaf.set()
        await listening.wait()
        try:
            while await reader.read(65536):
                pass
            ended.set_result("in order")
        except ConnectionResetError:
            ended.set_result("cut")

    async with await asyncio.start_server(converse, "127.0.0.1", 0) as slow:
        host, port = slow.sockets[0].getsockname()
        to = SmtpServer(host, port, None, None, "none", timeout=5, answer_timeout=5)
        sending = asyncio.create_task(send(to, message=a_message(body=f"{'x' * 70}\n" * 200_000)))
        async with asyncio.timeout(60):
            await deaf.wait()
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
            listening.set()
            assert await ended == "cut"
