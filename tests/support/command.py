"""`python main.py …` in the test's own process, for what ends before anything serves: it costs no start."""

import io
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from subprocess import CompletedProcess
from unittest import mock

import main
from tests.support.server import environment


def command(*arguments: object, **settings: object) -> CompletedProcess[str]:
    """What it ended with and what it said, its log included."""
    words = [str(argument) for argument in arguments]
    out, errors = io.StringIO(), io.StringIO()
    with (
        mock.patch.dict(os.environ, environment(settings), clear=True),
        mock.patch.object(main, "build", side_effect=AssertionError("nothing ended it before it would have served")),
        _own_logging(),
        redirect_stdout(out),
        redirect_stderr(errors),
    ):
        code = main.main(words)
    return CompletedProcess(words, code, out.getvalue(), errors.getvalue())


@contextmanager
def _own_logging() -> Iterator[None]:
    """As in a new process; afterwards, what the tests had set up."""
    root = logging.getLogger()
    loggers = [root, *(each for each in root.manager.loggerDict.values() if isinstance(each, logging.Logger))]
    levels, handlers = [each.level for each in loggers], root.handlers
    root.handlers = []
    try:
        yield
    finally:
        root.handlers = handlers
        for each, level in zip(loggers, levels, strict=True):
            each.setLevel(level)
