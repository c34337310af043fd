"""The words of every job: an index that the database keeps itself, and how it is asked.

On SQLite it is FTS5, which keeps only the index and reads the texts from a view; on PostgreSQL a column of lexemes.
Either way a word is a run of letters and digits without accents, and the index knows the beginnings of words. Which
runs are words, and what they are without accents, each database knows best: it takes a question apart itself.
"""

import sqlite3
import unicodedata
from collections.abc import Sequence
from functools import cache
from hashlib import sha256

from tortoise.backends.base.client import BaseDBAsyncClient

from models.statement import POSTGRES, Statement
from models.wanted import Conditions

MAX_WORDS = 12  # of a question
MIN_PREFIX = 2  # a single letter stands for itself only: half of all words begin with some letter

FREQUENT = 10_000  # jobs, from which on a word stands for itself only

_SQLITE_MATCH = "job_text MATCH ?"
SQLITE_HAS = f"EXISTS (SELECT 1 FROM job_text WHERE {_SQLITE_MATCH} AND rowid = job.id)"  # noqa: S608 (our own names)
"""The condition that one job is found by a question."""

_TOKENS = (
    "CREATE VIRTUAL TABLE said USING fts5 (text, tokenize = 'unicode61 remove_diacritics 2')",
    "CREATE VIRTUAL TABLE token USING fts5vocab (said, 'instance')",
)
_HAVE = Statement("SELECT COUNT(*) AS n FROM (SELECT 1 FROM job_text WHERE job_text MATCH ? LIMIT ?) AS have")
_LEXEMES = Statement("""
SELECT string_agg(
    '''' || lexeme || '''' || CASE WHEN length(lexeme) >= ? OR lexeme ~ '[^ -~]' THEN ':*' ELSE '' END, ' & '
) AS question FROM unnest(words_of(?))
""")


def words(text: str) -> list[str]:
    """The words of a question; none if it has no letter and no digit."""
    kept = "".join(each if _is_of_word(each) else " " for each in unicodedata.normalize("NFC", text))
    return [word for word in kept.split() if any(map(str.isalnum, word))][:MAX_WORDS]


async def _is_frequent(reader: BaseDBAsyncClient, word: str) -> bool:
    [row] = await _HAVE.run(reader, [f'"{word}"', FREQUENT])
    return bool(row["n"] == FREQUENT)


async def question(reader: BaseDBAsyncClient, wanted: Sequence[str]) -> str | None:
    """What finds the jobs with all of these words, or words that begin so; None if nothing can be found by them.

    A word that very many jobs have stands for itself only: whoever typed all of it does not look for longer ones.
    """
    text = " ".join(wanted)
    if reader.capabilities.dialect == POSTGRES:
        (row,) = await _LEXEMES.run(reader, [MIN_PREFIX, text])
        return row["question"] or None
    asked = []
    for word in _sqlite_words(text):
        is_whole = not _may_begin(word) or await _is_frequent(reader, word)
        asked.append(f'"{word}"' if is_whole else f'"{word}"*')
    return " AND ".join(asked) or None


def having(asked: str | None, job_id: int | None, *, is_postgres: bool) -> Conditions:
    """The condition that a job is found by the question, or has this id; at least one of both is given.

    SQLite goes through the jobs in the order in which the index gives them.
    """
    if asked is None:
        conditions = Conditions(is_postgres=is_postgres)
        conditions.add("job.id = ?", job_id)
        return conditions
    if is_postgres:
        # Each question is planned for itself: how one is best answered says nothing of another.
        question_id = sha256(asked.encode()).hexdigest()[:16]
        said = "SELECT job_id FROM job_text WHERE words @@ ?::text::tsquery"
        if job_id is not None:
            said += " UNION SELECT CAST(? AS BIGINT)"
        conditions = Conditions(is_postgres=True, source=f"job /* {question_id} */")
        conditions.add(f"job.id IN ({said})", *(value for value in (asked, job_id) if value is not None))
        return conditions
    if job_id is None:
        conditions = Conditions(source="job_text CROSS JOIN job ON job.id = job_text.rowid")
        conditions.id = "job_text.rowid"
        conditions.add(_SQLITE_MATCH, asked)
        return conditions
    either = f"SELECT rowid AS id FROM job_text WHERE {_SQLITE_MATCH} UNION SELECT ?"  # noqa: S608 (our own names)
    return Conditions(source=f"({either}) AS said CROSS JOIN job ON job.id = said.id", source_values=(asked, job_id))


def _is_of_word(letter: str) -> bool:
    return letter.isalnum() or unicodedata.category(letter)[0] == "M"


def _may_begin(word: str) -> bool:
    return len(word) >= MIN_PREFIX or not word.isascii()


def _sqlite_words(text: str) -> list[str]:
    """The text's words as the index has them: it knows other letters than Python does, and refuses a phrase."""
    tokens = _tokenizer()
    tokens.execute("DELETE FROM said")
    tokens.execute("INSERT INTO said VALUES (?)", [text])
    return [row[0] for row in tokens.execute("SELECT DISTINCT term FROM token")]


@cache
def _tokenizer() -> sqlite3.Connection:
    made = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    for statement in _TOKENS:
        made.execute(statement)
    return made
