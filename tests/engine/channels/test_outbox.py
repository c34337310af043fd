"""Where mail goes while no mail server is configured."""

from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import SMTPUTF8
from pathlib import Path

import pytest

from engine.channels.mail import Mail, build
from engine.channels.outbox import save
from engine.errors import PermanentError

DATE = datetime(2026, 11, 23, 15, 48, tzinfo=UTC)
MESSAGE_ID = "<4f1a@example.org>"
MAIL = Mail(
    sender="jobs@example.org",
    to=("ada@example.org",),
    cc=(),
    bcc=("Bob <bob@example.org>", "pelé@example.org"),
    subject="Hello",
    body="Hello *you*",
)
MESSAGE = build(MAIL, MESSAGE_ID, DATE)


def files_in(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def test_a_saved_message_is_a_file_that_mail_programs_open(tmp_path: Path) -> None:
    path = await save(tmp_path / "outbox", MESSAGE, MESSAGE_ID, bcc=())
    assert path.read_bytes() == MESSAGE.as_bytes()
    assert path.name.startswith("20261123T154800Z-4f1a-")
    assert path.suffix == ".eml"


async def test_a_saved_message_says_whom_bcc_named_and_the_message_itself_does_not(tmp_path: Path) -> None:
    path = await save(tmp_path, MESSAGE, MESSAGE_ID, bcc=MAIL.bcc)
    saved = message_from_bytes(path.read_bytes(), policy=SMTPUTF8)
    assert b'Bcc: "Bob" <bob@example.org>,\r\n pel\xc3\xa9@example.org\r\n' in path.read_bytes()
    assert saved["To"] == "ada@example.org"
    assert "Bcc" not in MESSAGE


async def test_saving_again_leaves_one_file_and_no_rubbish(tmp_path: Path) -> None:
    first = await save(tmp_path, MESSAGE, MESSAGE_ID, bcc=MAIL.bcc)
    content = first.read_bytes()
    assert await save(tmp_path, MESSAGE, MESSAGE_ID, bcc=MAIL.bcc) == first
    assert first.read_bytes() == content
    assert files_in(tmp_path) == [first]


@pytest.mark.parametrize("message_id", ["<../../x@example.org>", "</etc/x@example.org>", "<...@example.org>"])
async def test_a_message_id_cannot_lead_out_of_the_folder(tmp_path: Path, message_id: str) -> None:
    path = await save(tmp_path, MESSAGE, message_id, bcc=())
    assert path.parent == tmp_path
    assert files_in(tmp_path) == [path]


async def test_message_ids_that_look_alike_get_files_of_their_own(tmp_path: Path) -> None:
    paths = {await save(tmp_path, MESSAGE, each, bcc=()) for each in ("<a.b@x.org>", "<a-b@x.org>", "<a.b@y.org>")}
    assert len(paths) == 3


async def test_only_the_owner_may_read_a_saved_message(tmp_path: Path) -> None:
    path = await save(tmp_path, MESSAGE, MESSAGE_ID, bcc=())
    assert path.stat().st_mode & 0o077 == 0


async def test_an_outbox_that_is_a_file_is_refused_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "outbox").write_text("in the way")
    with pytest.raises(PermanentError, match="outbox cannot be used"):
        await save(tmp_path / "outbox", MESSAGE, MESSAGE_ID, bcc=())
