"""From one container to many machines: everything that SQLite holds moves to PostgreSQL."""

import logging
import socket
from collections.abc import Iterable
from pathlib import Path

from engine import clock
from engine.errors import PermanentError, SettingsError
from engine.processes import is_alive
from engine.settings import Settings
from engine.vault import Vault
from engine.views import OFFLINE_AFTER
from models import postgres, restore, sqlite
from models.errors import DatabaseError
from models.transfer import Difference, Transfer, both_locked, refuse_unfit

log = logging.getLogger(__name__)


async def migrate_database(settings: Settings, source: str, target: str) -> str:
    """Copy everything from a SQLite database to an empty PostgreSQL one; returns what was done and what is to do.

    The source keeps everything. Broken off at any moment it leaves the target as it was, and is run again; if the
    target has everything already, both are compared once more.

    Raises:
        SettingsError: the URLs are not of these kinds.
        DatabaseError: an engine is at work on one of them, one cannot be used, or the target holds something else.
    """
    file = _checked(source, target)
    refuse_unfit(file)
    _refuse_living(restore.engines(file), str(file))
    async with both_locked(file, target) as both:
        _refuse_living(restore.engines(file), str(file))
        _refuse_living(await both.engines_of_target(), postgres.shown(target))
        filled = await both.filled()
        if filled is None:
            log.info("copying %s to %s", file, postgres.shown(target))
            await both.copy()
        log.info("comparing every row")
        rows = await _compared(both, target, filled)
        told = _told(both, rows, settings, copied=filled is None)
    return told + _next(target)


def _checked(source: str, target: str) -> Path:
    if source == target:
        raise SettingsError("migrate-database needs two databases: source and target are the same")
    if not source.startswith(sqlite.SCHEME):
        raise SettingsError(f"the source must be sqlite:///absolute/path.db, not {_scheme(source)}")
    if not target.startswith(postgres.SCHEMES):
        raise SettingsError(f"the target must be postgres://user:password@host/database, not {_scheme(target)}")
    return Path(source.removeprefix(sqlite.SCHEME)).absolute()


def _scheme(url: str) -> str:
    """As much of a URL as holds no secret."""
    return f"{url.split('://')[0]}://…" if "://" in url else repr(url)


def _refuse_living(engines: Iterable[restore.Engine], database: str) -> None:
    for engine in engines:
        quiet = clock.now() - engine.last_beat_at
        here = engine.host == socket.gethostname() and is_alive(engine.pid)
        if here or quiet < OFFLINE_AFTER:
            seconds = max(0, int(quiet.total_seconds()))
            raise DatabaseError(
                f"an engine is at work on {database} (process {engine.pid} on {engine.host}, last heard of "
                f"{seconds} s ago): stop it, and if it was killed, wait {OFFLINE_AFTER.seconds} s"
            )


async def _compared(both: Transfer, target: str, filled: str | None) -> dict[str, int]:
    try:
        return await both.compare()
    except Difference as difference:
        if filled is None:
            raise DatabaseError(f"nothing was copied, as the copy was not the same: {difference}") from difference
        raise DatabaseError(
            f"{postgres.shown(target)} holds something else already (there are rows in {filled}, and {difference}): "
            "name an empty database"
        ) from difference


def _told(both: Transfer, rows: dict[str, int], settings: Settings, *, copied: bool) -> str:
    done = "Copied" if copied else "Everything had been copied already:"
    tables = ", ".join(f"{name} {count:,}" for name, count in rows.items() if count)
    told = f"{done} {sum(rows.values()):,} rows and compared each of them ({tables or 'every table is empty'}). "
    if running := both.running():
        jobs = "1 job was" if running == 1 else f"{running:,} jobs were"
        told += f"{jobs} running when the engine ended; the next one decides about them, as after a crash. "
    if unreadable := _unreadable(both.credentials(), settings):
        told += (
            f"WARNING: the credentials of {', '.join(unreadable)} cannot be read with the secret key of "
            f"{settings.data_dir}; bring the one that they were stored with. "
        )
    return told


def _unreadable(credentials: dict[str, str], settings: Settings) -> list[str]:
    vault = Vault(settings.secret_key.get_secret_value() if settings.secret_key else "")
    names = []
    for name, sealed in credentials.items():
        try:
            vault.open(sealed)
        except PermanentError:
            names.append(name)
    return names


def _next(target: str) -> str:
    return (
        f"Next: set JOB_RUNNER_DATABASE_URL to {postgres.shown(target)}, share or copy JOB_RUNNER_DATA_DIR "
        "(secret.key, files, artifacts, outbox), and start. The SQLite file keeps everything; start nothing on it again"
    )
