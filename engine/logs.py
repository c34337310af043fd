"""The log: a line of text or of JSON a record, which says of which attempt it is, whoever wrote it."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, NamedTuple

TEXT = "text"
JSON = "json"
LINE = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class Work(NamedTuple):
    """The attempt under way in this task, and in the tasks and threads that it began."""

    job: int
    attempt: int
    type: str

    def __str__(self) -> str:
        return f"[job {self.job} attempt {self.attempt}]"


_work: ContextVar[Work | None] = ContextVar("work", default=None)


def current_work() -> Work | None:
    """The attempt under way here, if any is."""
    return _work.get()


@contextmanager
def of_attempt(job_id: int, attempt: int, type_key: str) -> Iterator[None]:
    """Whatever is logged inside is said to be of this attempt."""
    token = _work.set(Work(job_id, attempt, type_key))
    try:
        yield
    finally:
        _work.reset(token)


class TextFormatter(logging.Formatter):
    """Names the attempt before the message, unless that names its job itself."""

    def __init__(self) -> None:
        super().__init__(LINE)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 (the name in the standard library)
        """One line, without a traceback."""
        work = _work.get()
        if work is None or record.message.startswith(f"job {work.job}"):
            return super().formatMessage(record)
        told = logging.makeLogRecord({**vars(record), "message": f"{work} {record.message}"})
        return super().formatMessage(told)


class JsonFormatter(logging.Formatter):
    """One object a line; `time` is RFC 3339, in UTC."""

    def format(self, record: logging.LogRecord) -> str:
        """The record, with its traceback in it."""
        told: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")[:-6] + "Z",
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if work := _work.get():
            told |= work._asdict()
        if record.exc_info:
            told["exception"] = self.formatException(record.exc_info)
        if record.stack_info:
            told["stack"] = self.formatStack(record.stack_info)
        return json.dumps(told, ensure_ascii=False, default=str)


def start_log() -> None:
    """Write to standard error as text, from level INFO, if nobody has chosen anything else."""
    handler = logging.StreamHandler()
    handler.setFormatter(TextFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler])


def choose_format(chosen: str) -> None:
    """Write as `text` or `json` from now on."""
    formatter = JsonFormatter() if chosen == JSON else TextFormatter()
    for handler in logging.getLogger().handlers:
        if isinstance(handler.formatter, TextFormatter | JsonFormatter):
            handler.setFormatter(formatter)
