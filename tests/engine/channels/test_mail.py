"""What a mail looks like on the wire."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTPUTF8

import pytest

from engine.channels.mail import Attached, Mail, body_fault, build, new_message_id
from engine.errors import PermanentError

DATE = datetime(2026, 11, 23, 15, 48, tzinfo=UTC)
MESSAGE_ID = "<4f1a@example.org>"


def a_mail(
    sender: str = "Job Runner <jobs@example.org>",
    to: tuple[str, ...] = ("ada@example.org",),
    cc: tuple[str, ...] = (),
    bcc: tuple[str, ...] = (),
    subject: str = "Hello",
    body: str = "Hello *you*",
) -> Mail:
    return Mail(sender=sender, to=to, cc=cc, bcc=bcc, subject=subject, body=body)


def as_read(mail: Mail) -> EmailMessage:
    return message_from_bytes(build(mail, MESSAGE_ID, DATE).as_bytes(), EmailMessage, policy=SMTPUTF8)


def part(mail: Mail, kind: str) -> str:
    body = as_read(mail).get_body((kind,))
    assert body is not None
    content: str = body.get_content()
    return content.replace("\r\n", "\n")


def test_a_mail_has_the_headers_that_a_person_expects() -> None:
    message = as_read(a_mail(to=("ada@example.org", "Bob <bob@example.org>"), cc=("cy@example.org",)))
    assert {name: str(value) for name, value in message.items() if name != "Content-Type"} == {
        "From": "Job Runner <jobs@example.org>",
        "To": "ada@example.org, Bob <bob@example.org>",
        "Cc": "cy@example.org",
        "Subject": "Hello",
        "Date": "Mon, 23 Nov 2026 15:48:00 +0000",
        "Message-ID": MESSAGE_ID,
        "MIME-Version": "1.0",
    }


def test_bcc_is_nowhere_in_the_message() -> None:
    mail = a_mail(bcc=("secret@example.org",))
    content = build(mail, MESSAGE_ID, DATE).as_bytes().lower()
    assert b"bcc" not in content
    assert b"secret" not in content
    assert mail.recipients == ("ada@example.org", "secret@example.org")


def test_everybody_gets_the_mail_once() -> None:
    mail = a_mail(to=("Ada <ada@example.org>", "bob@example.org"), cc=("ada@EXAMPLE.org",), bcc=("bob@example.org",))
    assert mail.recipients == ("ada@example.org", "bob@example.org")


def test_a_retry_sends_the_identical_bytes_and_another_mail_has_another_boundary() -> None:
    first, again = (build(a_mail(), MESSAGE_ID, DATE).as_bytes() for _ in range(2))
    assert first == again
    other = build(a_mail(), "<other@example.org>", DATE)
    assert other.get_boundary() != build(a_mail(), MESSAGE_ID, DATE).get_boundary()


def test_the_text_is_the_markdown_as_written_and_the_html_is_rendered_from_it() -> None:
    mail = a_mail(body="# Title\n\n**bold** ~~gone~~ [link](https://example.org)\n\n| a | b |\n|---|--:|\n| 1 | 2 |\n")
    assert as_read(mail).get_content_type() == "multipart/alternative"
    assert part(mail, "plain") == mail.body
    page = part(mail, "html")
    assert "<h1>Title</h1>" in page
    assert '<strong>bold</strong> <s>gone</s> <a href="https://example.org">link</a>' in page
    assert re.search(r'<td style="text-align:right;[^"]+">2</td>', page)


def test_lines_stay_lines_in_html() -> None:
    assert "Regards,<br />\nAda" in part(a_mail(body="Regards,\nAda"), "html")


def test_html_in_the_body_and_the_subject_is_shown_and_not_obeyed() -> None:
    page = part(a_mail(subject="<script>1</script>", body="<script>2</script> [x](javascript:3)"), "html")
    assert "<script>" not in page
    assert "&lt;script&gt;2" in page
    assert "href" not in page


def test_any_language_arrives_as_it_was_written_over_seven_bit_lines() -> None:
    mail = a_mail(
        sender="Jürgen <jobs@example.org>",
        subject="Grüße 日本語 👋",
        body="Schöne Grüße, 日本語 👋\n" + "ü" * 2000,
    )
    content = build(mail, MESSAGE_ID, DATE).as_bytes()
    assert content.isascii()
    assert max(map(len, content.split(b"\r\n"))) <= 78
    assert as_read(mail)["Subject"] == mail.subject
    assert part(mail, "plain").rstrip() == mail.body


def test_an_international_domain_is_written_in_ascii() -> None:
    assert as_read(a_mail(to=("ada@bücher.example",)))["To"] == "ada@xn--bcher-kva.example"
    assert a_mail(sender="jobs@bücher.example").return_address == "jobs@xn--bcher-kva.example"


def test_a_local_part_beyond_ascii_is_written_in_utf8() -> None:
    content = build(a_mail(to=("Pelé <pelé@example.org>",)), MESSAGE_ID, DATE).as_bytes()
    assert "<pelé@example.org>".encode() in content


def test_line_endings_of_any_kind_become_the_wires_own() -> None:
    content = build(a_mail(body="one\rtwo\r\nthree\nfour"), MESSAGE_ID, DATE).as_bytes()
    assert b"one\r\ntwo\r\nthree\r\nfour\r\n" in content
    assert not re.search(rb"\r(?!\n)|(?<!\r)\n", content)


@pytest.mark.parametrize("character", ["\0", "\ud800"])
def test_a_body_with_nul_or_a_lone_surrogate_is_refused(character: str) -> None:
    expected = f"must not contain NUL or lone surrogates (found U+{ord(character):04X})"
    assert body_fault(f"a{character}b") == expected
    with pytest.raises(PermanentError, match=re.escape(f"The body {expected}")):
        build(a_mail(body=f"a{character}b"), MESSAGE_ID, DATE)


def test_a_body_with_any_other_text_is_accepted() -> None:
    assert body_fault("tab\t, lone CR\r, form feed\f, 👋") is None


@pytest.mark.parametrize(
    ("mail", "sentence"),
    [
        (a_mail(subject="x\nBcc: eve@example.org"), "The subject must not contain line breaks"),
        (a_mail(subject="=?UTF-8?Q?=0A?=Bcc: eve@example.org"), "The subject must not contain line breaks"),
        (
            a_mail(to=("=?UTF-8?Q?=0A?=Bcc: <ada@example.org>",)),
            "The address '=.*must not contain line breaks",
        ),
        (a_mail(cc=("nobody",)), "'nobody' must"),
        (a_mail(sender="nobody"), "'nobody' must"),
        (a_mail(to=()), "at least one recipient"),
    ],
)
def test_what_cannot_be_sent_is_refused_with_its_name(mail: Mail, sentence: str) -> None:
    with pytest.raises(PermanentError, match=sentence):
        build(mail, MESSAGE_ID, DATE)


@pytest.mark.parametrize("message_id", ["", "<a@b>\r\nBcc: eve@example.org", "<ä@example.org>"])
def test_a_message_id_that_could_break_the_headers_is_refused(message_id: str) -> None:
    with pytest.raises(PermanentError, match="Message-ID"):
        build(a_mail(), message_id, DATE)


def test_every_mail_gets_a_message_id_of_its_own_in_the_senders_domain() -> None:
    first, second = (new_message_id("Jobs <jobs@bücher.example>") for _ in range(2))
    assert re.fullmatch(r"<[0-9a-f]{32}@xn--bcher-kva\.example>", first)
    assert first != second


def test_attached_files_arrive_whole_under_their_names_and_the_text_stays_what_is_read_first() -> None:
    files = (Attached("Bericht – Übersicht.pdf", b"%PDF-1.7 \x00\xff" * 1000), Attached("table.csv", "ä;b\n".encode()))
    mail = replace(a_mail(), attachments=files)
    message = as_read(mail)
    assert message.get_content_type() == "multipart/mixed"
    assert [(part.get_filename(), part.get_content_type()) for part in message.iter_attachments()] == [
        ("Bericht – Übersicht.pdf", "application/pdf"),
        ("table.csv", "text/csv"),
    ]
    assert [part.get_payload(decode=True) for part in message.iter_attachments()] == [file.content for file in files]
    assert part(mail, "plain") == "Hello *you*\n"
    assert "<em>you</em>" in part(mail, "html")
    wire = build(mail, MESSAGE_ID, DATE).as_bytes()
    assert wire == build(mail, MESSAGE_ID, DATE).as_bytes(), "a retry sends the identical bytes"
    assert wire.isascii()
    assert max(map(len, wire.splitlines())) <= 998


def test_a_name_that_could_break_the_headers_does_not() -> None:
    mail = replace(a_mail(), attachments=(Attached('x"\r\nBcc: eve@example.org\r\n.txt', b"x"),))
    message = as_read(mail)
    assert "Bcc" not in message
    assert all("Bcc" not in part for part in message.walk())
