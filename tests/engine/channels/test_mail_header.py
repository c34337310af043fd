"""What may stand in a header, and that what is written there is read as it was meant."""

from email import message_from_bytes
from email.header import decode_header, make_header
from email.policy import default

import pytest

from engine.channels.mail_header import (
    Mailbox,
    address_fault,
    header_fault,
    mailbox,
    write_mailboxes,
    write_text,
)
from engine.errors import PermanentError

HIDDEN = {
    "quoted-printable": "=?UTF-8?Q?=0A?=Bcc: eve@example.org",
    "lower case": "=?utf-8?q?=0d=0a?=Bcc: eve@example.org",
    "base64": "=?UTF-8?B?Cg==?=",
    "base64 without padding": "=?UTF-8?B?Cg?=",
    "between other text": "Invoice=?UTF-8?Q?_=0A_?=of today",
    "with a language (RFC 2231)": "=?utf-8*en?q?=00?=",
    "an unknown charset": "=?x-none?q?=0A?=",
    "UTF-7": "=?utf-7?q?+AAo-?=",
    "UTF-16": "=?utf-16-le?b?CgA=?=",
    "an escaping charset": "=?unicode_escape?q?\\n?=",
    "an encoded word in an encoded word": "=?UTF-8?Q?=3D=3FUTF-8=3FQ=3F=0A=3F=3D?=",
    "base64 in quoted-printable": "=?UTF-8?Q?=3D=3FUTF-8=3FB=3FCg=3D=3D=3F=3D?=",
    "halves that only meet after decoding": "=?UTF-8?Q?=3D=3FUTF-8=3FQ?= =?UTF-8?Q?=3F=0A=3F=3D?=",
    "a start within a start": "=?x?q?=?UTF-8?Q?=0A?=?=",
}


@pytest.mark.parametrize("character", ["\r", "\n", "\0", "\t", "\x1b", "\x7f", "\x85", "\u2028", "\ud800"])
def test_line_breaks_and_control_characters_are_refused_as_they_are(character: str) -> None:
    expected = f"must not contain line breaks or control characters (found U+{ord(character):04X})"
    assert header_fault(f"Hello{character}Bcc: eve@example.org") == expected


@pytest.mark.parametrize("value", HIDDEN.values(), ids=HIDDEN.keys())
def test_line_breaks_and_control_characters_are_refused_hidden_in_encoded_words(value: str) -> None:
    assert "must not contain line breaks or control characters" in (header_fault(value) or "")


def test_the_fault_says_which_character_hides_where() -> None:
    assert header_fault("=?UTF-8?Q?=0A?=Bcc:") == (
        "must not contain line breaks or control characters (found U+000A, hidden in an encoded word)"
    )


def test_encoded_words_that_never_end_are_refused() -> None:
    value = "x"
    for _ in range(8):
        value = f"=?utf-8?q?{value.replace('=', '=3D').replace('?', '=3F')}?="
    assert header_fault(value) == "must not hide encoded words in each other more than 4 deep"


@pytest.mark.parametrize(
    "value", ["", "Hello", "Grüße 👩‍👩‍👧", "=?UTF-8?Q?hello?=", "2 =? 3 ?= 4", "=?utf-8?q?caf=C3=A9?= =?"]
)
def test_ordinary_text_is_no_fault(value: str) -> None:
    assert header_fault(value) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ada@example.org", Mailbox("", "ada", "example.org")),
        (" <ada@example.org> ", Mailbox("", "ada", "example.org")),
        ("Ada Lovelace <ada@example.org>", Mailbox("Ada Lovelace", "ada", "example.org")),
        ('"Lovelace, \\"Ada\\"" <ada@example.org>', Mailbox('Lovelace, "Ada"', "ada", "example.org")),
        ("John Q. Public <j.q+x@EXAMPLE.org>", Mailbox("John Q. Public", "j.q+x", "example.org")),
        ("ops@localhost", Mailbox("", "ops", "localhost")),
        ("ada@bücher.example", Mailbox("", "ada", "xn--bcher-kva.example")),
        ("ada@straße.example", Mailbox("", "ada", "xn--strae-oqa.example")),
        ("pelé@example.org", Mailbox("", "pelé", "example.org")),
    ],
)
def test_an_address_is_read_with_or_without_a_name(text: str, expected: Mailbox) -> None:
    assert mailbox(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ada",
        "ada@",
        "@example.org",
        "a b@example.org",
        "a..b@example.org",
        "a@@example.org",
        "a@b..org",
        "a@-ü.org",
        "ada@example.org, eve@example.org",
        "ada@example.org,eve@example.org",
        "ada@example.org, Eve <eve@example.org>",
        "Lovelace, Ada <ada@example.org>",
        "friends: ada@example.org;",
        "ada@example.org)eve@example.org",
        "ada@example.org> SIZE=1",
        "ada@[127.0.0.1]",
        f"{'a' * 250}@example.org",
        "=?UTF-8?Q?=0A?= <ada@example.org>",
    ],
)
def test_what_is_not_one_address_is_refused_by_name(text: str) -> None:
    with pytest.raises(PermanentError, match="must"):
        mailbox(text)
    assert repr(text) in (address_fault(text) or "")


@pytest.mark.parametrize("text", ["ada@example.org", "Ada <ada@example.org>"])
def test_a_good_address_has_no_fault(text: str) -> None:
    assert address_fault(text) is None


@pytest.mark.parametrize(
    "name",
    [
        "Ada",
        'Doe, "Jane" \\ <eve@example.org>, and a name so long that it has to be folded somewhere in here',
        "Doe, eve@example.org, " * 20,
        "Jürgen, Böb <eve@example.org>, " * 10,
        "日本語" * 60,
        "=?UTF-8?Q?literally?=",
    ],
)
def test_names_of_any_kind_come_back_and_never_become_addresses(name: str) -> None:
    written = f"To: {write_mailboxes([Mailbox(name, 'ada', 'example.org'), Mailbox('', 'bob', 'example.org')])}"
    assert max(map(len, written.split("\r\n"))) <= 998
    header = message_from_bytes(written.encode() + b"\r\n\r\n", policy=default)["To"]
    assert [each.addr_spec for each in header.addresses] == ["ada@example.org", "bob@example.org"]
    encoded = written.removeprefix("To: ").partition(" <ada@example.org>")[0].rstrip()
    plain = encoded[1:-1].replace('\\"', '"').replace("\\\\", "\\") if encoded.startswith('"') else encoded
    assert (str(make_header(decode_header(plain))) if plain == encoded else plain) == name


@pytest.mark.parametrize(
    "text",
    [
        "Hello",
        "",
        " x",
        "x" * 500,
        "two  spaces " * 20,
        "Grüße " * 40,
        "👩‍👩‍👧" * 40,
        "=?UTF-8?Q?literally?=",
    ],
)
def test_subjects_of_any_kind_come_back(text: str) -> None:
    written = write_text("Subject", text)
    assert str(make_header(decode_header(written.replace("\r\n", "\n")))) == text
    assert all(len(line) <= 76 for line in f"Subject: {written}".split("\r\n"))
