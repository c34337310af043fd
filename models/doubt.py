"""What a restored database may do again by itself, and what it leaves to a person: one text for both databases."""

import re
from collections.abc import Iterator
from datetime import datetime

_LEFT_TO_A_PERSON = (  # a job that waits for approval, is paused or has failed is asked about by a person's next move
    """UPDATE job SET error = :doubt || COALESCE(' Before that: ' || error, '')
    WHERE type NOT IN (SELECT type FROM repeatable)
    AND (status IN ('paused', 'failed') OR status = 'queued' AND approval = 'pending') RETURNING id""",
    """UPDATE job SET status = 'failed', outcome = 'unknown', error = :doubt, finished_at = :now
    WHERE type NOT IN (SELECT type FROM repeatable)
    AND (status = 'running' OR status = 'queued' AND COALESCE(approval, '') <> 'pending') RETURNING id""",
)
_NOBODY_IS_AT_WORK = (
    # The question is about all that the job had still to do, not only about what was being sent just then.
    """UPDATE effect SET phase = 'failed', error = :doubt, finished_at = :now
    WHERE phase = 'sending' AND job_id IN (SELECT id FROM job WHERE status = 'failed' AND outcome = 'unknown')""",
    "UPDATE job SET status = 'queued', started_at = NULL WHERE status = 'running'",
    """UPDATE job SET lease_token = NULL, lease_expires_at = NULL, pause_requested = FALSE
    WHERE status IN ('queued', 'paused', 'failed')""",
    """UPDATE attempt SET outcome = 'lost', error = 'Restored from a backup', finished_at = :now
    WHERE outcome IS NULL""",
    "UPDATE engine SET stopped_at = :now, running = 0 WHERE stopped_at IS NULL",
)
_SCHEDULES_WAIT = """UPDATE schedule SET paused = TRUE, fault = :doubt || ' Resume it to go on.'
    WHERE NOT paused AND next_at <= :now"""  # what was due since may have started then
_UNDER_ONE_CAUSE = "UPDATE job SET cause = :cause WHERE status = 'failed' AND substr(error, 1, length(:doubt)) = :doubt"
_NAME = re.compile(r":(doubt|cause|now)\b")


def doubt_since(at: datetime) -> str:
    """The question, for a database as of that moment."""
    return f"Restored from the backup of {at:%Y-%m-%d %H:%M:%S} UTC: it may have gone out since. Did it?"


def steps(*, has_causes: bool = True, has_schedules: bool = True) -> Iterator[tuple[str, list[str], bool]]:
    """Statements with `?` for each value, the values' names, and whether the rows that it gives wait.

    The names are `doubt`, `cause` (the doubt's) and `now`. The types whose jobs may simply be done again stand in a
    table `repeatable (type)`. A database of a former version has no causes, or no schedules.
    """
    more: tuple[str, ...] = (_UNDER_ONE_CAUSE,) if has_causes else ()
    more += (_SCHEDULES_WAIT,) if has_schedules else ()
    for waits, statements in ((True, _LEFT_TO_A_PERSON), (False, (*more, *_NOBODY_IS_AT_WORK))):
        for statement in statements:
            yield _NAME.sub("?", statement), _NAME.findall(statement), waits
