"""Saved views: ways to look at the jobs, kept as the query of the Jobs page's address."""

from collections.abc import Sequence
from urllib.parse import parse_qsl, urlencode

from engine import clock
from engine.errors import FieldError, InvalidInput, NotFound
from engine.faults import shown
from engine.finding import Criteria
from engine.shielded import shielded
from engine.views import SavedViewView
from models.database import storable, transaction
from models.saved_view import SavedView, save_view
from models.wanted import Sort

MOST = 50
MAX_NAME = 64
MAX_QUERY = 2000
HISTORY = "history"
_KEPT = ("type", "q", "status", "by", "agent", "since", "until", "ended", "needs", "cause", "sort", "view")
_PLACES = ("page", "completed", "new", "from")  # where somebody was, and no way to look


class SavedViews:
    """Everybody's own, and those that are shared with everybody."""

    async def of(self, owner: str) -> list[SavedViewView]:
        """One's own by name, then the shared ones of others."""
        own = await SavedView.filter(owner=owner).order_by("name")
        others = await SavedView.filter(shared=True).exclude(owner=owner).order_by("name", "owner")
        return [_view(row) for row in (*own, *others)]

    async def view(self, owner: str, view_id: int) -> SavedViewView:
        """One that they see.

        Raises:
            NotFound: there is none, or it is somebody else's own.
        """
        row = await SavedView.get_or_none(id=view_id)
        if row is None or not (row.shared or row.owner == owner):
            raise NotFound("view", view_id)
        return _view(row)

    @shielded
    async def save(self, owner: str, name: str, query: str, *, shared: bool) -> SavedViewView:
        """Keep a view, in place of the one that they have of this name.

        Raises:
            InvalidInput: the name or the query breaks a rule, or they have as many as they may.
        """
        name, (query, faults) = " ".join(name.split()), _checked(query)
        if faults := [*_name_faults(name), *faults]:
            raise InvalidInput(faults)
        async with transaction() as writer:
            saved = await save_view(writer, owner, name, query, clock.now(), shared=shared)
            if await SavedView.filter(owner=owner).count() > MOST:
                raise InvalidInput([FieldError("name", f"there may be {MOST} views at most: remove one first")])
            return _view(saved)

    async def remove(self, view_id: int) -> None:
        """It is gone, for everybody."""
        await SavedView.filter(id=view_id).delete()


def _name_faults(name: str) -> list[FieldError]:
    if not 1 <= len(name) <= MAX_NAME:
        return [FieldError("name", f"name must have 1 to {MAX_NAME} characters, not {len(name)}")]
    if not name.isprintable():
        return [FieldError("name", f"name must have printable characters only, not {shown(name)}")]
    return []


def _checked(query: str) -> tuple[str, list[FieldError]]:
    """The query without where in the list somebody was, and what is wrong with it."""
    if len(query) > MAX_QUERY:
        return "", [_too_long(query)]
    said = parse_qsl(query.removeprefix("?"))
    pairs = [(name, storable(value)) for name, value in said if name not in _PLACES]
    if unknown := [name for name, _ in pairs if name not in _KEPT]:
        rule = f"query must be made of {', '.join(_KEPT)}, not {shown(unknown[0])}"
        return "", [FieldError("query", rule)]
    kept = urlencode(pairs)
    return kept, _value_faults(pairs) if len(kept) <= MAX_QUERY else [_too_long(kept)]


def _too_long(query: str) -> FieldError:
    return FieldError("query", f"query must have at most {MAX_QUERY:,} characters, not {len(query):,}")


def _value_faults(pairs: Sequence[tuple[str, str]]) -> list[FieldError]:
    told: dict[str, object] = {name: value for name, value in pairs if name not in ("type", "status", "sort", "view")}
    told |= {"created_by": told.pop("by", "")}
    for name, plural in (("type", "types"), ("status", "statuses")):
        told[plural] = [word for key, value in pairs if key == name for word in value.split(",") if word]
    faults = []
    for name, words in (("sort", [*Sort]), ("view", [HISTORY])):
        faults += [
            FieldError("query", f"{name} must be one of {', '.join(words)}, not {shown(value)}")
            for key, value in pairs
            if key == name and value not in words
        ]
    try:
        Criteria.of(told)
    except InvalidInput as error:
        faults += [FieldError("query", each.message) for each in error.errors]
    return faults


def _view(row: SavedView) -> SavedViewView:
    names = ("id", "name", "query", "shared", "owner", "created_at")
    return SavedViewView(**{name: getattr(row, name) for name in names})
