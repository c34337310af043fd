"""The audit log: nothing is changed, removed or put in without being noticed."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from engine import ledger as ledger_module
from engine.actors import Actor, Kind
from engine.audit import Audit, Broken
from engine.events import Bus
from engine.health import Health
from engine.ledger import Ledger
from engine.settings import Settings
from models import audit as audit_rows
from models.audit import AuditEntry
from models.rights import Right
from tests.support.engine import changed
from tests.support.other_program import OtherProgram

pytestmark = pytest.mark.usefixtures("database")

ADA = Actor("ada", Kind.PERSON, frozenset(Right), address="192.0.2.7")


@pytest.fixture
async def ledger(database: None) -> AsyncIterator[Ledger]:
    ledger = Ledger(Health(Bus()))
    ledger.open()
    yield ledger
    await ledger.close()


@pytest.fixture
def audit(settings: Settings, ledger: Ledger) -> Audit:
    return Audit(settings, ledger)


async def record_some(audit: Audit, count: int = 5) -> None:
    for number in range(count):
        await audit.record(ADA, "job.cancel", f"job {number}", {"status": "queued"}, {"status": "cancelled"})


async def test_an_entry_tells_who_did_what_from_where_with_before_and_after(audit: Audit) -> None:
    await record_some(audit, 1)
    (entry,) = await audit.entries()
    assert (entry.id, entry.actor, entry.kind, entry.address) == (1, "ada", "person", "192.0.2.7")
    assert (entry.action, entry.target) == ("job.cancel", "job 0")
    assert (entry.before, entry.after) == ({"status": "queued"}, {"status": "cancelled"})


async def test_entries_of_many_at_once_are_in_one_row(audit: Audit) -> None:
    await asyncio.gather(*(audit.record(ADA, "job.pause", f"job {number}") for number in range(50)))
    assert [entry.id for entry in await audit.entries()] == list(range(50, 0, -1))
    assert (await audit.verify())[0] == 50


async def test_two_processes_write_one_log(audit: Audit, settings: Settings) -> None:
    other_ledger = Ledger(Health(Bus()))
    other_ledger.open()
    other = Audit(settings, other_ledger)
    await asyncio.gather(*(one.record(ADA, "job.pause", "job 1") for _ in range(20) for one in (audit, other)))
    await other_ledger.close()
    assert (await audit.verify())[0] == 40


async def test_what_matches_is_found_and_a_listing_goes_on(audit: Audit) -> None:
    await record_some(audit)
    await audit.record(Actor("bot", Kind.TOKEN, frozenset()), "token.create", "token x")
    assert [entry.action for entry in await audit.entries(actor="bot")] == ["token.create"]
    assert len(await audit.entries(action="job.")) == 5
    assert [entry.target for entry in await audit.entries(text="job 3")] == ["job 3"]
    first = await audit.entries(limit=2)
    assert [entry.id for entry in first] == [6, 5]
    assert [entry.id for entry in await audit.entries(before_id=5, limit=2)] == [4, 3]


TAMPER: dict[str, str] = {
    "changed": "UPDATE audit_entry SET actor = 'bob' WHERE id = 3",
    "its state changed": "UPDATE audit_entry SET after = '{}' WHERE id = 3",
    "removed": "DELETE FROM audit_entry WHERE id = 3",
    "removed at the end": "DELETE FROM audit_entry WHERE id = 5",
    "all of it": "DELETE FROM audit_entry",
    "moved": "UPDATE audit_entry SET target = CASE id WHEN 2 THEN 'job 2' ELSE 'job 1' END WHERE id IN (2, 3)",
    "put in": (
        "INSERT INTO audit_entry (id, at, actor, kind, address, action, target, seal) "
        "SELECT 6, at, actor, kind, address, action, target, seal FROM audit_entry WHERE id = 5"
    ),
}


@pytest.mark.parametrize("how", TAMPER)
async def test_whatever_is_done_to_an_entry_is_noticed(audit: Audit, other_program: OtherProgram, how: str) -> None:
    await record_some(audit)
    assert (await audit.verify())[0] == 5
    await other_program.run(TAMPER[how])
    with pytest.raises(Broken):
        await audit.verify()


async def test_a_log_that_is_cut_at_the_end_is_noticed_though_its_head_tells_of_what_is_left(
    audit: Audit, other_program: OtherProgram
) -> None:
    await record_some(audit)
    await other_program.run("DELETE FROM audit_entry WHERE id = 5")
    await other_program.run(
        "UPDATE audit_head SET entries = 4, seal = (SELECT seal FROM audit_entry WHERE id = 4) WHERE id = 1"
    )
    with pytest.raises(Broken):
        await audit.verify()


async def test_what_is_recorded_while_somebody_verifies_is_no_fault(
    audit: Audit, monkeypatch: pytest.MonkeyPatch
) -> None:
    await record_some(audit)
    read_all = audit_rows._all

    async def slowly(most: int) -> AsyncIterator[AuditEntry]:
        async for entry in read_all(most):
            await audit.record(ADA, "job.pause", "job 1")
            yield entry

    monkeypatch.setattr(audit_rows, "_all", slowly)
    assert (await audit.verify())[0] == 5


async def test_after_a_transaction_that_never_began_the_next_deeds_are_recorded(
    audit: Audit, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cannot_begin() -> None:
        raise RuntimeError("no transaction can begin")

    with monkeypatch.context() as broken:
        broken.setattr(ledger_module, "transaction", cannot_begin)
        with pytest.raises(RuntimeError):
            await audit.record(ADA, "job.pause", "job 1")
    await record_some(audit, 1)
    assert len(await audit.entries()) == 1


async def test_without_the_key_nobody_can_seal(audit: Audit, settings: Settings, ledger: Ledger) -> None:
    await record_some(audit)
    forger = Audit(changed(settings, secret_key="guessed"), ledger)
    await forger.record(ADA, "job.approve", "job 1")
    with pytest.raises(Broken, match="entry 6"):
        await audit.verify()


async def test_a_secret_key_that_is_another_one_is_named_as_a_reason(
    audit: Audit, settings: Settings, ledger: Ledger
) -> None:
    await record_some(audit)
    with pytest.raises(Broken, match="SECRET_KEY is another one"):
        await Audit(changed(settings, secret_key="another"), ledger).verify()


async def test_what_a_person_wrote_is_kept_to_the_letter(audit: Audit) -> None:
    odd = {"text": 'ä 日本 "quoted" \\ \n', "more": [1.5, None, True]}
    await audit.record(ADA, "job.reject", "job 1", None, odd)
    assert (await audit.entries())[0].after == odd
    assert (await audit.verify())[0] == 1
    assert await AuditEntry.all().count() == 1
