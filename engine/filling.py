"""Payloads with `{{ jobs.render.result.url }}` in them: checked at submission, filled in when the parents are over.

Only what a job that waits for others says of `jobs`, or a step of a workflow of its `inputs`, is a template here.
Everything else in a payload stays to the letter, other `{{ … }}` too: a job's own type may have templates.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from engine.errors import FieldError, InvalidInput
from engine.templates import MAX_RENDERED, TemplateFault, check, is_bare, literal, members_of, uses, value_of

JOBS = "jobs"
MEMBERS = ("id", "status", "result", "error")
"""What is known of a parent."""
MEMBERS_OF_LISTS = {"id": "ids", "status": "statuses", "result": "results", "error": "errors"}
"""What a list of parents is known by, of what each is known by."""
MAX_EXPRESSIONS = 500

Change = Callable[[str, str], Any]
_NO_MEMBERS: Mapping[str, Collection[str] | None] = {}


def templated(payload: Mapping[str, Any], names: Collection[str] = (JOBS,)) -> list[str]:
    """The fields whose texts are templates that speak of these names, as `body` or `images.0.url`."""
    return [path for path, text in texts(payload) if any(is_ours for _, is_ours in _pieces(text, names))]


def expressions(payload: Mapping[str, Any], names: Collection[str]) -> Iterator[tuple[str, str]]:
    """Every `{{ … }}` that speaks of these names, with the field where it stands."""
    for path, text in texts(payload):
        yield from ((path, piece) for piece, is_ours in _pieces(text, names) if is_ours)


def template_faults(
    payload: Mapping[str, Any], jobs: Collection[str], members: Mapping[str, Collection[str] | None] = _NO_MEMBERS
) -> list[FieldError]:
    """What is wrong with a payload's templates, if these are the names of the job's parents.

    `members` are the other names that templates may use, each with what it has, or None if that may be anything.
    """
    faults, count = [], 0
    names = (JOBS, *members)
    for path, text in texts(payload):
        for piece, is_ours in _pieces(text, names):
            count += is_ours
            if count > MAX_EXPRESSIONS:
                return [FieldError(path, f"{path} must not bring the payload to more than {MAX_EXPRESSIONS} templates")]
            try:
                if is_ours:
                    check_expression(piece, jobs, members)
            except TemplateFault as fault:
                faults.append(FieldError(path, f"{path} {fault}"))
    return faults


def check_expression(
    expression: str,
    jobs: Collection[str],
    members: Mapping[str, Collection[str] | None] = _NO_MEMBERS,
    *,
    is_condition: bool = False,
) -> None:
    """Refuse one `{{ … }}` that has no value if these are the names of the parents; for `members` see above.

    Raises:
        TemplateFault: what is wrong, as the end of a sentence that begins with the field.
    """
    check(expression, {JOBS, *members}, is_condition=is_condition)
    if is_bare(expression, JOBS):
        raise TemplateFault("must name a job, as in {{ jobs.render.result.url }}")
    if unknown := members_of(expression, JOBS) - set(jobs):
        known = ", ".join(sorted(jobs)) or "it waits for none"
        raise TemplateFault(f"uses the job {min(unknown)}, which is not among those that this one waits for ({known})")
    for name, has in members.items():
        if has is not None and (unknown := members_of(expression, name) - set(has)):
            known = ", ".join(sorted(has)) or "none"
            raise TemplateFault(f"uses {name}.{min(unknown)}, and there is no such one ({known})")


def filled(
    payload: Mapping[str, Any],
    values: Mapping[str, Any],
    *,
    own_templates: Collection[str] = (),
    keeps_numbers: bool = False,
) -> dict[str, Any]:
    """The payload with values in place of its templates: `jobs`, with `MEMBERS` of each by its name, and others.

    Without `jobs` among the values, texts that speak of jobs stay as they are.
    A text that is nothing but one `{{ … }}` becomes the value itself, so a list stays a list; a number becomes text,
    which most fields take for either, unless it `keeps_numbers`. In fields that the type fills in itself, its
    `own_templates`, nothing that is put in becomes one of these.

    Raises:
        InvalidInput: naming every field whose template has no value.
    """
    faults: list[FieldError] = []
    length = 0

    def fill(path: str, text: str) -> Any:
        nonlocal length
        pieces = list(_pieces(text, values))
        if not any(is_ours for _, is_ours in pieces) or (JOBS not in values and templated({"": text})):
            return text
        made: list[Any] = []
        is_own = path.partition(".")[0] in own_templates
        for piece, is_ours in pieces:
            try:
                value = value_of(piece, values) if is_ours else piece
            except TemplateFault as fault:
                faults.append(FieldError(path, f"{path} {fault}"))
                return text
            length += len(str(value))
            if length > MAX_RENDERED:
                faults.append(FieldError(path, f"{path} makes the payload longer than {MAX_RENDERED:,} characters"))
                return text
            made.append(_literal(value) if is_ours and is_own else value)
        whole = [value for value in made if value != ""]
        if len(pieces) == 1 or (len(whole) == 1 and not isinstance(whole[0], str)):
            return _told(whole[0] if whole else "", keeps_numbers=keeps_numbers)
        return "".join(str(value) for value in made)

    made: dict[str, Any] = _changed(payload, "", fill)
    if faults:
        raise InvalidInput(faults)
    return made


def _literal(value: Any) -> Any:
    """The same, but that nothing in it is a template; names of members too."""
    match value:
        case str():
            return literal(value)
        case Mapping():
            return {literal(str(key)): _literal(item) for key, item in value.items()}
        case list():
            return [_literal(item) for item in value]
        case _:
            return value


def _told(value: Any, *, keeps_numbers: bool) -> Any:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return str(value) if is_number and not keeps_numbers else value


def _pieces(text: str, names: Collection[str]) -> Iterator[tuple[str, bool]]:
    """The text in parts, each with whether it is a `{{ … }}` that uses one of these names."""
    begin = 0
    while (at := text.find("{{", begin)) >= 0 and (end := text.find("}}", at)) >= 0:
        expression = text[at : end + 2]
        if uses(expression, names):
            if text[begin:at]:
                yield text[begin:at], False
            yield expression, True
        else:
            yield text[begin : end + 2], False
        begin = end + 2
    if text[begin:]:
        yield text[begin:], False


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


def texts(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every text in a value, with its path."""
    match value:
        case str():
            yield path, value
        case Mapping():
            for key, item in value.items():
                yield from texts(item, _under(path, key))
        case list():
            for index, item in enumerate(value):
                yield from texts(item, _under(path, index))


def _under(path: str, key: object) -> str:
    return f"{path}.{key}" if path else str(key)
