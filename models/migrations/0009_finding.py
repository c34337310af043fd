"""Operations on many jobs, saved views, why jobs failed, and the index of every word in a job."""

from typing import Any

from orjson import loads
from tortoise import fields
from tortoise.fields.data import JSON_DUMPS
from tortoise.indexes import Index
from tortoise.migrations import operations as ops

from models.cause import cause_of
from models.migrating import QuickMigration, SqlOfEach
from models.statement import Statement

MAX_TEXT = 100_000  # characters of a job; PostgreSQL takes no more than about a million
_SQLITE_TEXTS = (
    "group_concat(atom, ' ') FROM json_tree(CASE WHEN json_valid({column}) THEN {column} END) WHERE type = 'text'"
)
_SQLITE_TEXT = f"""substr(name || ' ' || summary || ' ' || COALESCE(error, '') || ' '
    || COALESCE((SELECT {_SQLITE_TEXTS.format(column="result")}), '') || ' '
    || COALESCE((SELECT {_SQLITE_TEXTS.format(column="payload")}), ''), 1, {MAX_TEXT})"""
_TEXTS = ("name", "summary", "error", "result", "payload")
_CHANGED = " OR ".join(f"OLD.{column} IS NOT NEW.{column}" for column in _TEXTS)
_FORGET = "INSERT INTO job_text (job_text, rowid, text) SELECT 'delete', id, text FROM job_words WHERE id = OLD.id"
_LEARN = "INSERT INTO job_text (rowid, text) SELECT id, text FROM job_words WHERE id = NEW.id"

SQLITE = [
    f"CREATE VIEW job_words (id, text) AS SELECT id, {_SQLITE_TEXT} FROM job",  # noqa: S608 (our own names)
    """CREATE VIRTUAL TABLE job_text USING fts5 (
    text, content = 'job_words', content_rowid = 'id', detail = none, tokenize = 'unicode61 remove_diacritics 2'
)""",
    "INSERT INTO job_text (rowid, text) SELECT id, text FROM job_words",
    f"CREATE TRIGGER job_words_new AFTER INSERT ON job BEGIN {_LEARN}; END",
    f"""CREATE TRIGGER job_words_before BEFORE UPDATE OF {", ".join(_TEXTS)} ON job WHEN {_CHANGED}
BEGIN {_FORGET}; END""",
    f"""CREATE TRIGGER job_words_after AFTER UPDATE OF {", ".join(_TEXTS)} ON job WHEN {_CHANGED}
BEGIN {_LEARN}; END""",
    f"CREATE TRIGGER job_words_gone BEFORE DELETE ON job BEGIN {_FORGET}; END",
]

_PUNCTUATION = "".join(chr(code) for code in range(33, 127) if not chr(code).isalnum()).replace("'", "''")
_POSTGRES_TEXTS = (
    "(SELECT string_agg(each #>> '{{}}', ' ') FROM"
    " jsonb_path_query({column}, 'strict $.** ? (@.type() == \"string\")') AS each)"
)
_POSTGRES_TEXT = f"""left(concat_ws(' ', of.name, of.summary, of.error,
    {_POSTGRES_TEXTS.format(column="of.result")}, {_POSTGRES_TEXTS.format(column="of.payload")}), {MAX_TEXT})"""
_BARE = """CASE WHEN getdatabaseencoding() = 'UTF8'
    THEN regexp_replace(normalize(said, NFKD), '[\\u0300-\\u036f]', '', 'g') ELSE said END"""

POSTGRES = [
    "CREATE TABLE job_text (job_id BIGINT PRIMARY KEY, words TSVECTOR NOT NULL)",
    f"""CREATE FUNCTION words_of(said text) RETURNS tsvector LANGUAGE sql STABLE AS $$
    SELECT to_tsvector('pg_catalog.simple', translate({_BARE}, '{_PUNCTUATION}', repeat(' ', {len(_PUNCTUATION)})))
$$""",
    f"""CREATE FUNCTION text_of(of job) RETURNS text LANGUAGE sql STABLE AS $$ SELECT {_POSTGRES_TEXT} $$""",
    """CREATE FUNCTION note_job_words() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO job_text VALUES (NEW.id, words_of(text_of(NEW)))
    ON CONFLICT (job_id) DO UPDATE SET words = excluded.words;
    RETURN NULL;
END $$""",
    """CREATE FUNCTION forget_job_words() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    DELETE FROM job_text WHERE job_id = OLD.id;
    RETURN NULL;
END $$""",
    "INSERT INTO job_text SELECT id, words_of(text_of(job)) FROM job",
    "CREATE INDEX idx_job_text ON job_text USING gin (words)",
    "CREATE TRIGGER job_words_new AFTER INSERT ON job FOR EACH ROW EXECUTE FUNCTION note_job_words()",
    f"""CREATE TRIGGER job_words_after AFTER UPDATE OF {", ".join(_TEXTS)} ON job
FOR EACH ROW WHEN ({_CHANGED.replace("IS NOT", "IS DISTINCT FROM")}) EXECUTE FUNCTION note_job_words()""",
    "CREATE TRIGGER job_words_gone AFTER DELETE ON job FOR EACH ROW EXECUTE FUNCTION forget_job_words()",
]


_FAILED = Statement("SELECT id, error FROM job WHERE status = 'failed'")
_AT_ONCE = 500


async def _name_causes(_: Any, editor: Any) -> None:
    """What failed before is told as if it failed now."""
    ids: dict[str, list[int]] = {}
    for row in await _FAILED.run(editor.client):
        ids.setdefault(cause_of(row["error"] or ""), []).append(row["id"])
    for cause, alike in ids.items():
        for first in range(0, len(alike), _AT_ONCE):
            some = alike[first : first + _AT_ONCE]
            marks = ", ".join("?" * len(some))
            await Statement(f"UPDATE job SET cause = ? WHERE id IN ({marks})").run(editor.client, [cause, *some])  # noqa: S608


class Migration(QuickMigration):
    dependencies = [("models", "0008_approvals")]

    initial = False

    operations = [
        ops.CreateModel(
            name="Operation",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("move", fields.CharField(max_length=16)),
                ("arguments", fields.JSONField(default=dict, encoder=JSON_DUMPS, decoder=loads)),
                ("criteria", fields.JSONField(null=True, encoder=JSON_DUMPS, decoder=loads)),
                ("actor", fields.CharField(max_length=200)),
                ("actor_kind", fields.CharField(max_length=16)),
                ("actor_key", fields.BigIntField(default=0)),
                ("address", fields.CharField(default="", max_length=64)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("finished_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("stop_asked", fields.BooleanField(default=False)),
                ("total", fields.IntField()),
                ("done", fields.IntField(default=0)),
                ("refused", fields.IntField(default=0)),
                ("undo_of", fields.BigIntField(null=True)),
                ("engine_id", fields.CharField(null=True, max_length=64)),
                ("beat_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "operation",
                "app": "models",
                "pk_attr": "id",
                "table_description": "A wish about many jobs. It is under way until it has a `finished_at`.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="OperationItem",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("operation_id", fields.BigIntField()),
                ("job_id", fields.BigIntField()),
                ("outcome", fields.CharField(null=True, max_length=16)),
                ("reason", fields.CharField(null=True, max_length=300)),
                ("before", fields.CharField(null=True, max_length=32)),
                ("at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "operation_item",
                "app": "models",
                "unique_together": [("operation_id", "job_id")],
                "indexes": [Index(fields=["operation_id", "outcome", "id"])],
                "pk_attr": "id",
                "table_description": "One job of an operation.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="SavedView",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("name", fields.CharField(max_length=64)),
                ("query", fields.CharField(max_length=2000)),
                ("shared", fields.BooleanField(default=False)),
                ("owner", fields.CharField(max_length=200)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "saved_view",
                "app": "models",
                "unique_together": [("owner", "name")],
                "pk_attr": "id",
                "table_description": "What is looked for, as the query of the Jobs page's address.",
            },
            bases=["Model"],
        ),
        ops.AddField(
            model_name="Agent",
            name="paused",
            field=fields.BooleanField(default=False, db_default=False),
        ),
        ops.AddField(
            model_name="Job",
            name="cause",
            field=fields.CharField(null=True, max_length=200),
        ),
        ops.RunPython(_name_causes),
        ops.RunSQL(
            "CREATE INDEX idx_job_cause ON job (type, cause, id) WHERE status = 'failed'",
            reverse_sql="DROP INDEX idx_job_cause",
        ),
        ops.RunSQL(
            "CREATE INDEX idx_job_outcome ON job (outcome, id) WHERE outcome IS NOT NULL",
            reverse_sql="DROP INDEX idx_job_outcome",
        ),
        ops.RunSQL("CREATE INDEX idx_job_creator ON job (created_by, id)", reverse_sql="DROP INDEX idx_job_creator"),
        ops.RunSQL("CREATE INDEX idx_job_created ON job (created_at)", reverse_sql="DROP INDEX idx_job_created"),
        ops.RunSQL(
            "CREATE INDEX idx_job_outside ON job (engine_id, id) WHERE engine_id >= 'agent-' AND engine_id < 'agent.'",
            reverse_sql="DROP INDEX idx_job_outside",
        ),
        ops.RunSQL(
            "CREATE INDEX idx_attempt_finished ON attempt (finished_at) WHERE finished_at IS NOT NULL",
            reverse_sql="DROP INDEX idx_attempt_finished",
        ),
        ops.RunSQL(
            "CREATE INDEX idx_audit_target ON audit_entry (target, id)", reverse_sql="DROP INDEX idx_audit_target"
        ),
        ops.RunSQL(
            "CREATE INDEX idx_operation_item_job ON operation_item (job_id)",
            reverse_sql="DROP INDEX idx_operation_item_job",
        ),
        ops.RunSQL(
            "CREATE INDEX idx_operation_open ON operation (id) WHERE finished_at IS NULL",
            reverse_sql="DROP INDEX idx_operation_open",
        ),
        SqlOfEach(SQLITE, POSTGRES),
    ]
