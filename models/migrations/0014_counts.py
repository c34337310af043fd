"""How many jobs of each kind stand where, kept by triggers; and indexes that lead to any page of any list."""

from tortoise.indexes import Index
from tortoise.migrations import operations as ops

from models.migrating import AddIndexOnce, QuickMigration, RemoveIndexOnce, SqlOfEach

OF_OLD, OF_NEW = "OLD.category, OLD.type, OLD.status", "NEW.category, NEW.type, NEW.status"
MOVED = "OLD.status <> NEW.status OR OLD.type <> NEW.type OR OLD.category <> NEW.category"
COUNTED = "INSERT INTO job_count SELECT category, type, status, COUNT(*) FROM job GROUP BY category, type, status"

_LESS = """UPDATE job_count SET jobs = jobs - 1
    WHERE category = OLD.category AND type = OLD.type AND status = OLD.status"""
_MORE = f"""INSERT INTO job_count VALUES ({OF_NEW}, 1)
    ON CONFLICT (category, type, status) DO UPDATE SET jobs = jobs + 1"""  # noqa: S608 (our own names)

SQLITE = [
    """CREATE TABLE IF NOT EXISTS job_count (
    category TEXT NOT NULL, type TEXT NOT NULL, status TEXT NOT NULL, jobs INT NOT NULL,
    PRIMARY KEY (category, type, status)
) WITHOUT ROWID""",
    "DELETE FROM job_count",
    COUNTED,
    f"CREATE TRIGGER IF NOT EXISTS job_counted_new AFTER INSERT ON job BEGIN {_MORE}; END",
    f"""CREATE TRIGGER IF NOT EXISTS job_counted_moved AFTER UPDATE OF status, type, category ON job WHEN {MOVED}
BEGIN {_LESS}; {_MORE}; END""",
    f"CREATE TRIGGER IF NOT EXISTS job_counted_gone AFTER DELETE ON job BEGIN {_LESS}; END",
]

# Whoever changed one row for all would wait for whoever else does: so each adds rows of its own, and they are folded
# together now and then.
POSTGRES = [
    """CREATE TABLE IF NOT EXISTS job_count (
    category TEXT NOT NULL, type TEXT NOT NULL, status TEXT NOT NULL, jobs BIGINT NOT NULL
)""",
    "ALTER TABLE job_count REPLICA IDENTITY FULL",  # else rows may not be deleted where all tables are published
    "DELETE FROM job_count",
    COUNTED,
    f"""CREATE OR REPLACE FUNCTION count_new_job() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO job_count VALUES ({OF_NEW}, 1);
    RETURN NULL;
END $$""",  # noqa: S608
    f"""CREATE OR REPLACE FUNCTION count_moved_job() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO job_count VALUES ({OF_OLD}, -1), ({OF_NEW}, 1);
    RETURN NULL;
END $$""",  # noqa: S608
    f"""CREATE OR REPLACE FUNCTION count_gone_job() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO job_count VALUES ({OF_OLD}, -1);
    RETURN NULL;
END $$""",  # noqa: S608
    "CREATE OR REPLACE TRIGGER job_counted_new AFTER INSERT ON job FOR EACH ROW EXECUTE FUNCTION count_new_job()",
    f"""CREATE OR REPLACE TRIGGER job_counted_moved AFTER UPDATE OF status, type, category ON job
FOR EACH ROW WHEN ({MOVED}) EXECUTE FUNCTION count_moved_job()""",
    "CREATE OR REPLACE TRIGGER job_counted_gone AFTER DELETE ON job FOR EACH ROW EXECUTE FUNCTION count_gone_job()",
]

# Whatever was done before somebody broke it off is done once more.
INDEXES = [
    "CREATE INDEX IF NOT EXISTS idx_job_priority ON job (priority, id)",
    "CREATE INDEX IF NOT EXISTS idx_job_ended ON job (finished_at, id) WHERE finished_at IS NOT NULL",
    """CREATE INDEX IF NOT EXISTS idx_job_type_ended ON job (type, status, finished_at, id)
WHERE finished_at IS NOT NULL""",
    "DROP INDEX IF EXISTS idx_job_cause",
    "CREATE INDEX idx_job_cause ON job (type, cause, id, finished_at, outcome) WHERE status = 'failed'",
    "DROP INDEX IF EXISTS idx_job_pending",
    "CREATE INDEX idx_job_pending ON job (priority DESC, id, status) WHERE approval = 'pending'",
    "DROP INDEX IF EXISTS idx_job_created",
    "CREATE INDEX idx_job_created ON job (created_at, id)",
    "DROP INDEX IF EXISTS idx_job_creator",
    "CREATE INDEX idx_job_creator ON job (created_by, id, status, type)",
]


class Migration(QuickMigration):
    dependencies = [("models", "0013_budgets")]

    initial = False

    operations = [
        RemoveIndexOnce(
            "DROP INDEX IF EXISTS idx_job_categor_e06df1",
            model_name="Job",
            name=None,
            fields=["category", "status", "id"],
        ),
        RemoveIndexOnce(
            "DROP INDEX IF EXISTS idx_job_status_6393e5",
            model_name="Job",
            name=None,
            fields=["status", "finished_at"],
        ),
        AddIndexOnce(
            "CREATE INDEX IF NOT EXISTS idx_job_type_67bfd7 ON job (type, status, id)",
            model_name="Job",
            index=Index(fields=["type", "status", "id"]),
        ),
        AddIndexOnce(
            "CREATE INDEX IF NOT EXISTS idx_job_status_435479 ON job (status, finished_at, id)",
            model_name="Job",
            index=Index(fields=["status", "finished_at", "id"]),
        ),
        *[ops.RunSQL(statement, reverse_sql="") for statement in INDEXES],
        SqlOfEach(SQLITE, POSTGRES),
    ]
