"""How many jobs of each kind stand where, kept by triggers; and indexes that lead to any page of any list."""

from tortoise.indexes import Index
from tortoise.migrations import operations as ops

from models.migrating import QuickMigration, SqlOfEach

OF_OLD, OF_NEW = "OLD.category, OLD.type, OLD.status", "NEW.category, NEW.type, NEW.status"
MOVED = "OLD.status <> NEW.status OR OLD.type <> NEW.type OR OLD.category <> NEW.category"
COUNTED = "INSERT INTO job_count SELECT category, type, status, COUNT(*) FROM job GROUP BY category, type, status"

_LESS = """UPDATE job_count SET jobs = jobs - 1
    WHERE category = OLD.category AND type = OLD.type AND status = OLD.status"""
_MORE = f"""INSERT INTO job_count VALUES ({OF_NEW}, 1)
    ON CONFLICT (category, type, status) DO UPDATE SET jobs = jobs + 1"""  # noqa: S608 (our own names)

SQLITE = [
    """CREATE TABLE job_count (
    category TEXT NOT NULL, type TEXT NOT NULL, status TEXT NOT NULL, jobs INT NOT NULL,
    PRIMARY KEY (category, type, status)
) WITHOUT ROWID""",
    COUNTED,
    f"CREATE TRIGGER job_counted_new AFTER INSERT ON job BEGIN {_MORE}; END",
    f"""CREATE TRIGGER job_counted_moved AFTER UPDATE OF status, type, category ON job WHEN {MOVED}
BEGIN {_LESS}; {_MORE}; END""",
    f"CREATE TRIGGER job_counted_gone AFTER DELETE ON job BEGIN {_LESS}; END",
]

# Whoever changed one row for all would wait for whoever else does: so each adds rows of its own, and they are folded
# together now and then.
POSTGRES = [
    "CREATE TABLE job_count (category TEXT NOT NULL, type TEXT NOT NULL, status TEXT NOT NULL, jobs BIGINT NOT NULL)",
    COUNTED,
    f"""CREATE FUNCTION count_new_job() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO job_count VALUES ({OF_NEW}, 1);
    RETURN NULL;
END $$""",  # noqa: S608
    f"""CREATE FUNCTION count_moved_job() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO job_count VALUES ({OF_OLD}, -1), ({OF_NEW}, 1);
    RETURN NULL;
END $$""",  # noqa: S608
    f"""CREATE FUNCTION count_gone_job() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO job_count VALUES ({OF_OLD}, -1);
    RETURN NULL;
END $$""",  # noqa: S608
    "CREATE TRIGGER job_counted_new AFTER INSERT ON job FOR EACH ROW EXECUTE FUNCTION count_new_job()",
    f"""CREATE TRIGGER job_counted_moved AFTER UPDATE OF status, type, category ON job
FOR EACH ROW WHEN ({MOVED}) EXECUTE FUNCTION count_moved_job()""",
    "CREATE TRIGGER job_counted_gone AFTER DELETE ON job FOR EACH ROW EXECUTE FUNCTION count_gone_job()",
]


class Migration(QuickMigration):
    dependencies = [("models", "0013_budgets")]

    initial = False

    operations = [
        ops.RemoveIndex(model_name="Job", name=None, fields=["category", "status", "id"]),
        ops.RemoveIndex(model_name="Job", name=None, fields=["status", "finished_at"]),
        ops.AddIndex(model_name="Job", index=Index(fields=["type", "status", "id"])),
        ops.AddIndex(model_name="Job", index=Index(fields=["status", "finished_at", "id"])),
        ops.RunSQL("CREATE INDEX idx_job_priority ON job (priority, id)", reverse_sql="DROP INDEX idx_job_priority"),
        ops.RunSQL(
            "CREATE INDEX idx_job_ended ON job (finished_at, id) WHERE finished_at IS NOT NULL",
            reverse_sql="DROP INDEX idx_job_ended",
        ),
        ops.RunSQL(
            "CREATE INDEX idx_job_type_ended ON job (type, status, finished_at, id) WHERE finished_at IS NOT NULL",
            reverse_sql="DROP INDEX idx_job_type_ended",
        ),
        ops.RunSQL("DROP INDEX idx_job_cause", reverse_sql=""),
        ops.RunSQL(
            "CREATE INDEX idx_job_cause ON job (type, cause, id, finished_at, outcome) WHERE status = 'failed'",
            reverse_sql="DROP INDEX idx_job_cause",
        ),
        ops.RunSQL("DROP INDEX idx_job_pending", reverse_sql=""),
        ops.RunSQL(
            "CREATE INDEX idx_job_pending ON job (priority DESC, id, status) WHERE approval = 'pending'",
            reverse_sql="DROP INDEX idx_job_pending",
        ),
        SqlOfEach(SQLITE, POSTGRES),
    ]
