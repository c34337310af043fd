"""The words of every job: an index that the database keeps itself, and how it is asked.

On SQLite it is FTS5, which keeps only the index and reads the texts from a view; on PostgreSQL a column of lexemes.
Either way a word is a run of letters and digits without accents, and the index knows the beginnings of words.
"""

import re
import unicodedata

MAX_WORDS = 12  # of a question
MIN_PREFIX = 2  # a single letter stands for itself only: half of all words begin with some letter

SQLITE_MATCH = "id IN (SELECT rowid FROM job_text WHERE job_text MATCH ?)"
POSTGRES_MATCH = "id IN (SELECT job_id FROM job_text WHERE words @@ ?::text::tsquery)"


def words(text: str) -> list[str]:
    """The words of a question, as the index knows them."""
    bare = "".join(each for each in unicodedata.normalize("NFKD", text) if not unicodedata.combining(each))
    return re.findall(r"[^\W_]+", bare.lower())[:MAX_WORDS]


def sqlite_question(wanted: list[str]) -> str:
    """What finds the jobs with all of these words, or words that begin so."""
    return " AND ".join(f'"{word}"' + ("*" if len(word) >= MIN_PREFIX else "") for word in wanted)


def postgres_question(wanted: list[str]) -> str:
    """The same for PostgreSQL."""
    return " & ".join(f"'{word}'" + (":*" if len(word) >= MIN_PREFIX else "") for word in wanted)
