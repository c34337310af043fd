"""Payloads with `{{ jobs.render.result.url }}` in them: checked at submission, filled in when the parents are over.

Only texts that speak of `jobs` are templates here; any other text is left as it is, since a job's own type may have
templates too.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from engine.errors import FieldError, InvalidInput
from engine.templates import MAX_RENDERED, TemplateFault, check, members_of, value_of

JOBS = "jobs"
MEMBERS = ("id", "status", "result", "error")
"""What is known of a parent."""

_SPEAKS = re.compile(r"\{\{.*\bjobs\b", re.DOTALL)

Change = Callable[[str, str], Any]


def templated(payload: Mapping[str, Any]) -> list[str]:
    """The fields whose texts are templates, as `body` or `images.0.url`."""
    return [path for path, text in _texts(payload, "") if _SPEAKS.search(text)]


def template_faults(payload: Mapping[str, Any], jobs: Collection[str]) -> list[FieldError]:
    """What is wrong with a payload's templates, if these are the names of the job's parents."""
    faults = []
    for path, text in _texts(payload, ""):
        if _SPEAKS.search(text):
            try:
                _check(text, jobs)
            except TemplateFault as fault:
                faults.append(FieldError(path, f"{path} {fault}"))
    return faults


def _check(text: str, jobs: Collection[str]) -> None:
    check(text, {JOBS})
    if unknown := members_of(text, JOBS) - set(jobs):
        known = ", ".join(sorted(jobs)) or "none: give the jobs to wait for in after"
        raise TemplateFault(f"uses the job {min(unknown)}, which is not among those that this one waits for ({known})")


def filled(payload: Mapping[str, Any], jobs: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The payload with what the parents made in place of its templates; `jobs` has `MEMBERS` of each by its name.

    A text that is nothing but one `{{ … }}` becomes the value itself, so a list stays a list; but a number is text.

    Raises:
        InvalidInput: naming every field whose template has no value.
    """
    faults: list[FieldError] = []
    length = 0

    def fill(path: str, text: str) -> Any:
        nonlocal length
        if not _SPEAKS.search(text):
            return text
        try:
            value = value_of(text, {JOBS: jobs})
        except TemplateFault as fault:
            faults.append(FieldError(path, f"{path} {fault}"))
            return text
        length += len(str(value))
        if length > MAX_RENDERED:
            faults.append(FieldError(path, f"{path} makes the payload longer than {MAX_RENDERED:,} characters"))
            return text
        return value

    made: dict[str, Any] = _changed(payload, "", fill)
    if faults:
        raise InvalidInput(faults)
    return made


def _changed(value: Any, path: str, change: Change) -> Any:
    match value:
        case str():
            return change(path, value)
        case Mapping():
            return {key: _changed(item, _under(path, key), change) for key, item in value.items()}
        case list():
            return [_changed(item, _under(path, index), change) for index, item in enumerate(value)]
        case _:
            return value


def _texts(value: Any, path: str) -> Iterator[tuple[str, str]]:
    match value:
        case str():
            yield path, value
        case Mapping():
            for key, item in value.items():
                yield from _texts(item, _under(path, key))
        case list():
            for index, item in enumerate(value):
                yield from _texts(item, _under(path, index))


def _under(path: str, key: object) -> str:
    return f"{path}.{key}" if path else str(key)
