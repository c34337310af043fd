"""Where mail goes while no mail server is configured."""

from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import SMTPUTF8
from pathlib import Path

import pytest

from engine.channels.mail import Mail, build
from engine.channels.outbox import save
from engine.errors import StorageFault
from engine.settings import Settings
from engine.storage import Storage, is_plain, open_storage
from engine.storage.folder import Folder

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


@pytest.fixture
def storage(stored: Settings) -> Storage:
    return open_storage(stored)


async def saved(storage: Storage, name: str) -> bytes:
    content = await storage.get(f"outbox/{name}")
    assert content is not None
    return content


async def test_a_saved_message_is_a_file_that_mail_programs_open(storage: Storage) -> None:
    name = await save(storage, MESSAGE, MESSAGE_ID, bcc=())
    assert await saved(storage, name) == MESSAGE.as_bytes()
    assert name.startswith("20261123T154800Z-4f1a-")
    assert name.endswith(".eml")


async def test_a_saved_message_says_whom_bcc_named_and_the_message_itself_does_not(storage: Storage) -> None:
    content = await saved(storage, await save(storage, MESSAGE, MESSAGE_ID, bcc=MAIL.bcc))
    message = message_from_bytes(content, policy=SMTPUTF8)
    assert b'Bcc: "Bob" <bob@example.org>,\r\n pel\xc3\xa9@example.org\r\n' in content
    assert message["To"] == "ada@example.org"
    assert "Bcc" not in MESSAGE


async def test_saving_again_leaves_one_file_and_no_rubbish(storage: Storage) -> None:
    first = await save(storage, MESSAGE, MESSAGE_ID, bcc=MAIL.bcc)
    content = await saved(storage, first)
    assert await save(storage, MESSAGE, MESSAGE_ID, bcc=MAIL.bcc) == first
    assert await saved(storage, first) == content
    assert await storage.names("outbox") == [first]


@pytest.mark.parametrize("message_id", ["<../../x@example.org>", "</etc/x@example.org>", "<...@example.org>"])
async def test_a_message_id_cannot_lead_out_of_the_outbox(storage: Storage, message_id: str) -> None:
    name = await save(storage, MESSAGE, message_id, bcc=())
    assert is_plain(name)
    assert await storage.names("outbox") == [name]


async def test_message_ids_that_look_alike_get_files_of_their_own(storage: Storage) -> None:
    names = {await save(storage, MESSAGE, each, bcc=()) for each in ("<a.b@x.org>", "<a-b@x.org>", "<a.b@y.org>")}
    assert len(names) == 3


async def test_only_the_owner_may_read_a_saved_message(tmp_path: Path) -> None:
    name = await save(Folder(tmp_path), MESSAGE, MESSAGE_ID, bcc=())
    assert (tmp_path / "outbox" / name).stat().st_mode & 0o077 == 0


async def test_an_outbox_that_is_a_file_is_a_fault_with_its_folder(tmp_path: Path) -> None:
    (tmp_path / "outbox").write_text("in the way")
    with pytest.raises(StorageFault, match=r"The folder .* cannot be used \(File exists\)"):
        await save(Folder(tmp_path), MESSAGE, MESSAGE_ID, bcc=())
