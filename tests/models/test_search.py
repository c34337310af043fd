"""The index of every word follows the jobs, whoever changes them, and a question means its words and no operator."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.database import connection
from models.finding import find_ids
from models.job import Job
from models.search import MAX_WORDS, question, words
from models.states import Status
from models.wanted import Sort, Wanted
from tests.support.engine import stored_job
from tests.support.other_program import OtherProgram

pytestmark = pytest.mark.usefixtures("database")


async def found(text: str) -> list[int]:
    """The ids of the jobs with these words, in order."""
    return await find_ids(Wanted(words=tuple(words(text))), Sort.OLDEST, limit=100)


@pytest.mark.parametrize(
    ("stored", "asked", "is_found"),
    [
        ("Quarterly numbers", "quarterly", True),
        ("Quarterly numbers", "NUMBERS quart", True),
        ("Quarterly numbers", "umbers", False),
        ("Quarterly numbers", "quarterly letters", False),
        ("Café Müller, naïve", "cafe muller", True),
        ("Cafe Muller", "Café Müller", True),
        ("cafe\u0301", "café", True),
        ("Привет, мир", "привет", True),
        ("ΟΔΟΣ", "οδο", True),
        ("to ada.lovelace@example.org", "ada.lovelace@example.org", True),
        ("to ada.lovelace@example.org", "lovelace@example", True),
        ("to ada.lovelace@example.org", "bob@example.org", False),
        ("C3PO 1e5 007", "007 1e5 c3po", True),
        ("snake_case and kebab-case", "case snake kebab", True),
        ("日本語のテスト", "日本", True),
        ("日本語のテスト", "日", True),
        ("が行", "が行", True),
        ("한국어 문서", "한국", True),
        ("हिन्दी में", "हिन्दी", True),
        ("🎬 movie", "🎬 movie", True),
        ("a b", "a", True),
        ("alpha", "a", False),
        ("“Quoted” — dashes…", "quoted dashes", True),
    ],
)
async def test_a_question_finds_what_has_its_words_or_words_that_begin_so(
    stored: str, asked: str, is_found: bool
) -> None:
    job = await stored_job(name="x", payload={"body": stored})
    assert await found(asked) == ([job.id] if is_found else [])


@pytest.mark.parametrize(
    "asked",
    [
        *(
            "alpha OR beta",
            "alpha AND",
            "NOT alpha",
            "NEAR(alpha beta)",
            '"alpha beta"',
            "alpha*",
            "text:alpha",
            "^alpha",
        ),
        *(
            "alpha'",
            "alpha\\",
            "(alpha",
            "alpha & beta",
            "alpha | beta",
            "!alpha",
            "alpha:*",
            "alpha <-> beta",
            "--alpha",
        ),
        *("alpha\u1c90beta", "½", "ﬁne", "x²", "İ", "ß", "\U0001e900", "% _ alpha", "$1 ?"),
    ],
)
async def test_no_question_is_an_operator_or_a_fault(asked: str) -> None:
    job = await stored_job(name="alpha beta")
    other = await stored_job(name=asked)
    ids = await found(asked)
    assert other.id in ids
    assert (job.id in ids) is (set(words(asked)) <= {"alpha", "beta"})


@pytest.mark.parametrize("column", ["name", "summary", "error"])
async def test_what_is_found_follows_a_text(column: str) -> None:
    job = await stored_job(**{column: "former words"})
    await Job.filter(id=job.id).update(**{column: "latter words"})
    assert await found("former") == []
    assert await found("latter") == [job.id]


@pytest.mark.parametrize("column", ["payload", "result"])
async def test_what_is_found_follows_every_text_within_a_document(column: str) -> None:
    deep = {"to": ["ada"], "more": [{"inside": {"body": "former"}}], "number": 4711, "key": None}
    job = await stored_job(**{column: deep})
    for word in ("ada", "former"):
        assert await found(word) == [job.id]
    assert await found("inside") == [], "the names of fields are nobody's words"
    await Job.filter(id=job.id).update(**{column: {"body": "latter"}})
    assert await found("former") == []
    assert await found("latter") == [job.id]


async def test_what_changes_no_text_leaves_the_words_as_they_are() -> None:
    job = await stored_job(name="alpha")
    await Job.filter(id=job.id).update(status=Status.RUNNING, progress=50, attempt=1)
    assert await found("alpha") == [job.id]


async def test_a_job_that_is_gone_is_found_no_more_and_its_words_say_nothing_of_another() -> None:
    first, second = await stored_job(name="alpha"), await stored_job(name="alpha beta")
    await Job.filter(id=second.id).delete()
    assert await found("alpha") == [first.id]
    assert await found("beta") == []
    third = await stored_job(name="gamma")
    assert await found("gamma") == [third.id]


async def test_of_a_huge_payload_the_beginning_is_found_and_nothing_fails() -> None:
    body = "first " + "wörter " * 200_000 + "last"
    job = await stored_job(name="huge", payload={"body": body})
    assert await found("huge first") == [job.id]
    assert await found("last") == []
    await Job.filter(id=job.id).update(payload={"body": "small"})
    assert await found("small") == [job.id]


@pytest.mark.sqlite
async def test_a_payload_that_is_no_json_hides_nothing_else(other_program: OtherProgram) -> None:
    broken, sound = await stored_job(name="alpha one"), await stored_job(name="alpha two")
    await other_program.run(f"UPDATE job SET payload = '{{broken' WHERE id = {broken.id}")
    assert await found("alpha") == [broken.id, sound.id]
    await other_program.run(f"DELETE FROM job WHERE id = {broken.id}")
    assert await found("alpha") == [sound.id]


def test_a_question_without_a_letter_has_no_word() -> None:
    for text in ("", "!!!", " \t", "*", "🎬", "“”", "\u0301"):
        assert words(text) == [], repr(text)


def test_of_a_very_long_question_the_first_words_count() -> None:
    assert words(" ".join(f"w{number}" for number in range(50))) == [f"w{number}" for number in range(MAX_WORDS)]


async def test_a_single_letter_stands_for_itself_and_a_sign_for_what_begins_with_it() -> None:
    asked = await question(connection(), ["a", "ab", "日"])
    assert asked
    assert sorted(
        part.replace('"', "'").replace("':*", "'*") for part in asked.replace(" AND ", " & ").split(" & ")
    ) == [
        "'a'",
        "'ab'*",
        "'日'*",
    ]


# -- the whole, against plain Python -------------------------------------------------------------------------

_word = st.text("abcxyz01", min_size=1, max_size=4)
_texts = st.lists(st.lists(_word, min_size=1, max_size=4), min_size=1, max_size=6)


def _is_found(said: list[str], asked: list[str]) -> bool:
    return all(any(has == word or (len(word) > 1 and has.startswith(word)) for has in said) for word in asked)


@given(_texts, st.lists(_word, min_size=1, max_size=3), st.sampled_from(["name", "payload", "result", "error"]))
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
async def test_jobs_are_found_as_a_plain_search_would_find_them(
    texts: list[list[str]], asked: list[str], column: str
) -> None:
    await Job.all().delete()
    expected = []
    for said in texts:
        text: Any = " - ".join(said)
        usual = {"name": "-", "created_by": "-"}
        job = await stored_job(**{**usual, column: {"text": [text]} if column in ("payload", "result") else text})
        expected += [job.id] if _is_found(said, asked) else []
    assert await found(" ".join(asked)) == expected
