"""What people and programs look for, as they say it."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from engine import clock, finding
from engine.engine import Atlas
from engine.errors import InvalidInput
from engine.finding import Criteria
from engine.settings import Settings
from models.job import Job
from models.states import POISONOUS, UNKNOWN, Approval, Status
from models.wanted import Sort
from tests.support.engine import stored_job
from tests.support.other_program import OtherProgram

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def atlas(settings: Settings) -> Atlas:
    """Nothing runs the jobs."""
    return Atlas(settings)


async def found(atlas: Atlas, **said: Any) -> list[int]:
    """The ids on the first page of what matches, the oldest first."""
    page = await atlas.queries.finder.page(Criteria(**said), Sort.OLDEST, 1, 100)
    assert page.total == len(page.jobs) == await atlas.queries.finder.count(Criteria(**said))
    return [job.id for job in page.jobs]


async def test_everybody_who_created_a_job_is_known_whoever_did_so_last_first(atlas: Atlas) -> None:
    assert await atlas.queries.finder.creators(limit=9) == []
    for name in ("Zoë", "ada", "mira", "Ada", "mira", *["robot"] * 400, "ada"):
        await stored_job(created_by=name)
    assert await atlas.queries.finder.creators(limit=9) == ["ada", "robot", "mira", "Ada", "Zoë"]
    assert await atlas.queries.finder.creators(limit=2) == ["ada", "robot"]


def ago(**span: float) -> Any:
    return clock.now() - timedelta(**span)


def said() -> dict[str, tuple[dict[str, Any], Sequence[dict[str, Any]], dict[str, Any]]]:
    """By a name: what fits, what does not, and how it is said; all of it as of now."""
    return {
        "type": ({"type": "EMAIL_SEND"}, [{"type": "OTHER"}], {"types": ("EMAIL_SEND",)}),
        "category": ({"category": "video"}, [{}], {"types": ("video",)}),
        "a type that is gone": ({"type": "GONE"}, [{"type": "OTHER"}], {"types": ("GONE",)}),
        "status": ({"status": Status.PAUSED}, [{}], {"statuses": (Status.PAUSED,)}),
        "status, as often as there are any": (
            {"status": Status.PAUSED},
            [{}],
            {"statuses": (Status.PAUSED,) * len(Status)},
        ),
        "creator": ({"created_by": "ada"}, [{}], {"created_by": "ada"}),
        "built-in agent": ({"type": "EMAIL_SEND"}, [{"type": "SOCIAL_POST"}, {"type": "GONE"}], {"agent": "mailer"}),
        "its type": (
            {"type": "EMAIL_SEND", "category": "task"},
            [{"type": "SOCIAL_POST", "category": "social"}],
            {"agent": "mailer", "types": ("task",)},
        ),
        "outside agent": ({"engine_id": "agent-3"}, [{"engine_id": "agent-4"}], {"agent": "agent-3"}),
        "since a span": ({"created_at": ago(minutes=30)}, [{"created_at": ago(minutes=90)}], {"since": "hour"}),
        "since a day": ({"created_at": ago(hours=23)}, [{"created_at": ago(hours=25)}], {"since": "day"}),
        "since a date": ({"created_at": ago(days=1)}, [{"created_at": ago(days=4000)}], {"since": "2020-01-01"}),
        "until a time": ({"created_at": ago(days=9)}, [{}], {"until": (ago(days=8)).isoformat()}),
        "ended": ({"finished_at": ago(days=6)}, [{"finished_at": ago(days=8)}, {}], {"ended": "week"}),
        "needs approval": (
            {"approval": Approval.PENDING},
            [{"approval": Approval.PENDING, "status": Status.CANCELLED}, {}],
            {"needs": "approval"},
        ),
        "needs an answer": (
            {"status": Status.FAILED, "outcome": UNKNOWN},
            [
                {"status": Status.CANCELLED, "outcome": UNKNOWN},
                {"status": Status.FAILED},
                {"status": Status.FAILED, "outcome": POISONOUS},
            ],
            {"needs": "answer"},
        ),
        "was set aside": (
            {"status": Status.FAILED, "outcome": POISONOUS},
            [
                {"status": Status.QUEUED, "outcome": POISONOUS},
                {"status": Status.FAILED},
                {"status": Status.FAILED, "outcome": UNKNOWN},
            ],
            {"needs": "set-aside"},
        ),
        "cause": (
            {"status": Status.FAILED, "cause": "refused"},
            [{"status": Status.QUEUED, "cause": "refused"}, {"status": Status.FAILED, "cause": "late"}],
            {"cause": "refused"},
        ),
        "words": ({"name": "The Quarterly numbers"}, [{"name": "numbers"}], {"q": "numbers, quarterly"}),
    }


@pytest.mark.parametrize("what", said())
async def test_what_is_said_is_found(atlas: Atlas, what: str) -> None:
    fitting, others, wanted = said()[what]
    job = await stored_job(**fitting)
    for other in others:
        await stored_job(**other)
    assert await found(atlas, **wanted) == [job.id]


@pytest.mark.either
async def test_an_id_is_found_with_and_without_its_sign(atlas: Atlas) -> None:
    job = await stored_job()
    await stored_job()
    assert await found(atlas, q=str(job.id)) == [job.id]
    assert await found(atlas, q=f" #{job.id} ") == [job.id]
    assert await found(atlas, q="9" * 30) == []


@pytest.mark.parametrize("text", ["!!!", "*", '"', "🎬", "-"])
async def test_what_has_no_word_in_it_finds_nothing_rather_than_everything(atlas: Atlas, text: str) -> None:
    await stored_job(name=f"with {text}")
    assert await found(atlas, q=text) == []


@pytest.mark.either
async def test_what_is_blank_leaves_nothing_out(atlas: Atlas) -> None:
    job = await stored_job()
    assert await found(atlas, q="  ") == [job.id]


@pytest.mark.either
async def test_agents_and_needs_that_do_not_go_with_the_rest_find_nothing(atlas: Atlas) -> None:
    await stored_job(type="EMAIL_SEND", approval=Approval.PENDING)
    assert await found(atlas, agent="nobody") == []
    assert await found(atlas, agent="mailer", types=("SOCIAL_POST",)) == []
    assert await found(atlas, needs="approval", statuses=(Status.COMPLETED,)) == []


@pytest.mark.either
@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"needs": "money"}, "needs must be approval or answer.*, not 'money'"),
        ({"since": "yesterday"}, "since must be hour, day, week, month, a date or a time such as .*, not 'yesterday'"),
        ({"until": "2026-13-01"}, "until must be"),
        ({"ended": "99"}, "ended must be"),
        ({"q": "x" * 201}, "q must have at most 200 characters, not 201"),
        ({"statuses": ["done"]}, "status must be one of queued, .*, not 'done'"),
    ],
)
async def test_what_cannot_be_looked_for_is_refused_in_words(told: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        Criteria.of(told)


@pytest.mark.either
async def test_criteria_come_back_as_they_were_told(atlas: Atlas) -> None:
    criteria = Criteria(q="ada", types=("EMAIL_SEND",), statuses=(Status.FAILED,), since="day", cause="refused")
    assert Criteria.of(criteria.told()) == criteria
    assert Criteria().told() == {}
    assert Criteria().is_empty
    assert not criteria.is_empty


# -- pages, lists, batches -----------------------------------------------------------------------------------


@pytest.mark.either
async def test_a_page_past_the_last_is_the_last(atlas: Atlas) -> None:
    ids = [(await stored_job()).id for _ in range(5)]
    page = await atlas.queries.finder.page(Criteria(), Sort.NEWEST, 99, 2)
    assert ([job.id for job in page.jobs], page.number, page.pages, page.total) == ([ids[0]], 3, 3, 5)
    empty = await atlas.queries.finder.page(Criteria(q="nothing"), Sort.NEWEST, 1, 2)
    assert (empty.jobs, empty.number, empty.pages, empty.total) == ((), 1, 1, 0)


@pytest.mark.either
async def test_a_page_says_when_there_is_more_than_anybody_counted(
    atlas: Atlas, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("models.finding", "models.looking"):
        monkeypatch.setattr(f"{module}.MOST_COUNTED", 3)
    for _ in range(5):
        await stored_job(name="alpha")
    page = await atlas.queries.finder.page(Criteria(q="alpha"), Sort.NEWEST, 1, 2)
    assert (page.total, page.capped) == (3, True)
    everything = await atlas.queries.finder.page(Criteria(), Sort.NEWEST, 1, 2)
    assert (everything.total, everything.capped) == (5, False)


@pytest.mark.parametrize("sort", Sort)
async def test_a_list_goes_on_where_it_ended_while_jobs_come_and_go(atlas: Atlas, sort: Sort) -> None:
    ids = [(await stored_job(finished_at=ago(hours=n), status=Status.COMPLETED)).id for n in (5, 3, 4, 1, 2)]
    finder = atlas.queries.finder
    seen, last = [], None
    while True:
        jobs, last = await finder.behind(Criteria(created_by="test"), sort, last, limit=2)
        seen += [job.id for job in jobs]
        if last is None:
            break
        await stored_job(finished_at=clock.now(), status=Status.COMPLETED, created_by="another")
    orders = {Sort.OLDEST: ids, Sort.ENDED: [ids[n] for n in (3, 4, 1, 2, 0)]}
    assert seen == orders.get(sort, ids[::-1])


@pytest.mark.either
async def test_a_list_cannot_go_on_behind_a_job_that_is_gone_if_nobody_knows_where_it_stood(atlas: Atlas) -> None:
    job = await stored_job()
    with pytest.raises(InvalidInput, match="cursor names a job that is gone; begin the list anew"):
        await atlas.queries.finder.behind(Criteria(), Sort.PRIORITY, 4711, limit=2)
    jobs, _ = await atlas.queries.finder.behind(Criteria(), Sort.NEWEST, 4711, limit=2)
    assert [each.id for each in jobs] == [job.id]


async def test_everything_comes_in_batches_and_what_is_created_meanwhile_is_left_out(
    atlas: Atlas, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "EXPORT_BATCH", 2)
    ids = [(await stored_job(name="alpha")).id for _ in range(5)]
    batches = []
    async for batch in atlas.queries.finder.every(Criteria(q="alpha")):
        batches.append([job.id for job in batch])
        await stored_job(name="alpha")
    assert batches == [[ids[4], ids[3]], [ids[2], ids[1]], [ids[0]]]


@pytest.mark.sqlite
async def test_a_job_that_another_program_has_made_unreadable_hides_no_other(
    atlas: Atlas, other_program: OtherProgram
) -> None:
    ids = [(await stored_job(name="alpha")).id for _ in range(3)]
    await other_program.run(f"UPDATE job SET payload = '{{broken' WHERE id = {ids[1]}")
    page = await atlas.queries.finder.page(Criteria(q="alpha"), Sort.OLDEST, 1, 10)
    assert [job.id for job in page.jobs] == [ids[0], ids[2]]
    assert page.total == 3
    assert await Job.all().count() == 3
