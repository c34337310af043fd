"""`python -m engine.alive`: whether a process on this host works, for those who restart what does not.

It ends with 0 if one beat within ten seconds, else with 1 and a line. A database that gives no answer is no reason to
restart a process, which goes on by itself once it answers: that ends with 0, too.
"""

import asyncio
import os
import socket
import sys

from engine import clock
from engine.views import OFFLINE_AFTER
from models.beats import last_beat
from models.errors import DatabaseError

SETTING = "JOB_RUNNER_DATABASE_URL"  # the settings themselves take a second to load
ANSWER_SECONDS = 3.0


def main() -> int:
    """The exit code."""
    url, host = os.environ.get(SETTING, ""), socket.gethostname()
    if not url.startswith(("postgres://", "postgresql://")):
        return _dead(f"{SETTING} must begin with postgres://; a process on SQLite is asked at /healthz")
    try:
        beat = asyncio.run(last_beat(url, host, seconds=ANSWER_SECONDS))
    except DatabaseError as error:
        print(f"nobody can tell, as the database gives no answer: {error}")
        return 0
    if beat is None:
        return _dead(f"no engine or worker is known on {host}")
    quiet = clock.now() - beat
    if quiet >= OFFLINE_AFTER:
        return _dead(f"the last heartbeat on {host} was {quiet.total_seconds():.0f} s ago")
    return 0


def _dead(why: str) -> int:
    print(f"job-runner: {why}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
