"""What errors of one kind have in common."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.settings import Settings
from models.cause import GAP, MAX_CAUSE, NO_REASON, cause_of
from models.job import Job
from models.states import Status
from tests.models.test_migrations import insert_former_job, make_former
from tests.models.test_restore import DOUBT, after_restoring, restored
from tests.support.engine import opened
from tests.support.growth import growth

ALIKE = [
    (
        "… refused the recipient …: 550 … User unknown",
        "mail.example.org refused the recipient ada@example.org: 550 5.1.1 User unknown",
        "mx2.other.example refused the recipient bob.b+x@sub.example.com: 550 5.1.10 User unknown",
    ),
    ("The encoder refused frame …", "The encoder refused frame 17", "The encoder refused frame 40,125"),
    (
        "Can't open …: it isn't there.",
        "Can't open '/tmp/a b/film.mp4': it isn't there.",
        "Can't open \"x\": it isn't there.",
    ),
    (
        "… answered 404 Not Found",
        "https://hooks.example.org/a?b=1 answered 404 Not Found",
        "http://[::1]:80/ answered 404 Not Found",
    ),
    ("The order … is gone", "The order 6f9619ff-8b86-d011-b42d-00cf4fc964ff is gone", "The order #A-77 is gone"),
    ("Too late: … UTC", "Too late: 2026-11-27 04:59:52 UTC", "Too late: 2025-01-01T00:00:01.5 UTC"),
    ("… is stored no more", "film.mp4 is stored no more", "C:\\Films\\one.mov is stored no more"),
    (
        "Table … must have at most … columns",
        "Table “Sales” must have at most 40 columns",
        "Table “A b” must have at most 8 columns",
    ),
    ("Refused: …", "Refused: a@b.example, c@d.example", "Refused: a@b.example, c@d.example, e@f.example"),
    (
        "The farm answered 503",
        "Gave up after 5 attempts: The farm answered 503",
        "Gave up after 1 attempt: The farm answered 503",
    ),
]


@pytest.mark.parametrize(("cause", "one", "other"), ALIKE)
def test_errors_that_differ_only_in_what_belongs_to_one_job_have_one_cause(cause: str, one: str, other: str) -> None:
    assert (cause_of(one), cause_of(other)) == (cause, cause)


def test_the_codes_of_servers_and_programs_tell_causes_apart() -> None:
    errors = [
        "x.example answered 404",
        "x.example answered 503",
        "ffmpeg ended with code 1",
        "ffmpeg ended with code 187",
    ]
    assert len({cause_of(error) for error in errors}) == len(errors)


@pytest.mark.parametrize(
    "said", ["The S3 bucket is gone, e.g. moved", "No MP4 in UTF-8 and/or base64", "It didn't work"]
)
def test_words_that_only_look_like_names_or_numbers_stay(said: str) -> None:
    assert cause_of(said) == said


@pytest.mark.parametrize("error", ["", " \n\t"])
def test_an_error_without_words_says_so(error: str) -> None:
    assert cause_of(error) == NO_REASON


def test_a_long_error_ends_with_a_whole_word_and_a_gap() -> None:
    cause = cause_of("words " * 200)
    assert len(cause) <= MAX_CAUSE
    assert cause.endswith(f"words {GAP}")


JUMBLE = st.text(alphabet="ab1'\"`“”‘’…./:@ #,()-<>\\\n€0[", max_size=40)


@given(
    st.one_of(
        JUMBLE, st.text(max_size=300), st.lists(st.sampled_from([a for _, *pair in ALIKE for a in pair])).map(" ".join)
    )
)
def test_a_cause_is_its_own_cause_is_bounded_and_is_never_empty(error: str) -> None:
    cause = cause_of(error)
    assert cause_of(cause) == cause
    assert 0 < len(cause) <= MAX_CAUSE
    assert cause == cause.strip()
    assert "\n" not in cause


@pytest.mark.parametrize("piece", ["'", "a'", "a.", "a@", "/", "1", "…1", "refused (5", "-", "a-", "http://", "“"])
def test_a_long_error_takes_no_longer_than_what_is_read_of_it(piece: str) -> None:
    assert growth(lambda times: cause_of(piece * times), 1000, 50_000) < 5


@pytest.mark.sqlite
async def test_what_a_restore_puts_in_doubt_is_one_cause(settings: Settings, tmp_path: Path) -> None:
    job = await after_restoring(settings, tmp_path / "backup.db", type="EMAIL_SEND", status=Status.QUEUED)
    assert job.cause == cause_of(DOUBT)


@pytest.mark.sqlite
async def test_a_backup_of_a_former_version_without_causes_is_restored_and_gets_them(
    settings: Settings, tmp_path: Path
) -> None:
    database, file = settings.data_dir / "job-runner.db", tmp_path / "backup.db"
    await make_former(file)
    insert_former_job(file, type="EMAIL_SEND")
    restored(file, database)
    async with opened(settings):
        job = await Job.get(type="EMAIL_SEND")
    assert (job.status, job.cause) == (Status.FAILED, cause_of(job.error or ""))


@pytest.mark.sqlite
async def test_what_failed_in_a_former_version_has_a_cause(settings: Settings) -> None:
    database = settings.data_dir / "job-runner.db"
    await make_former(database)
    for error in ("Frame 1 is broken", "Frame 2 is broken", None):
        insert_former_job(database, status="failed", error=error)
    insert_former_job(database, status="queued", error="Frame 3 is broken")
    async with opened(settings):
        assert [job.cause for job in await Job.all().order_by("id")] == ["Frame … is broken"] * 2 + [NO_REASON, None]
