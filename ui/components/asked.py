"""What a Jobs page is asked to show: read from its address, and written back into one."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from engine.errors import InvalidInput
from engine.faults import shown
from engine.finding import NEEDS, Criteria
from models.states import ACTIVE, Category, Status
from models.wanted import Sort

PATH = "/app/jobs"
TYPE_KEY = re.compile(r"[A-Z][A-Z0-9_]{0,63}")
_NAMES = {"by": "created_by"}  # words of the address that the criteria call otherwise
_PLAIN = ("q", "by", "agent", "since", "until", "ended", "needs", "cause")
_REGION_STATUSES = {
    "active": tuple(status for status in Status if status in ACTIVE),
    "completed": (Status.COMPLETED,),
}


@dataclass(frozen=True)
class Asked:
    """`page` is the page of the active jobs or of the history, `completed` that of the completed jobs."""

    criteria: Criteria = field(default_factory=Criteria)
    sort: Sort | None = None
    history: bool = False
    page: int = 1
    completed: int = 1

    @property
    def category(self) -> str | None:
        """The category that alone is asked for."""
        types = self.criteria.types
        return types[0] if len(types) == 1 and types[0] in set(Category) else None

    @property
    def is_unfiltered(self) -> bool:
        """Whether nothing is left out of the current jobs but for a category."""
        is_filtered = not replace(self.criteria, types=()).is_empty or (self.criteria.types and not self.category)
        return not self.shows_history and not is_filtered

    @property
    def shows_history(self) -> bool:
        """Whether every job is one list; cancelled ones stand in no other."""
        return self.history or Status.CANCELLED in self.criteria.statuses

    @property
    def regions(self) -> tuple[str, ...]:
        """The lists that can hold what is asked for."""
        if self.shows_history:
            return ("history",)
        return tuple(name for name, held in _REGION_STATUSES.items() if set(held) & set(self._possible()))

    def criteria_of(self, region: str) -> Criteria:
        """What stands in one of the lists."""
        if region == "history":
            return self.criteria
        wanted = self.criteria.statuses or _REGION_STATUSES[region]
        return replace(self.criteria, statuses=tuple(s for s in _REGION_STATUSES[region] if s in wanted))

    def sort_of(self, region: str) -> Sort:
        """The order of one of the lists; what is found by its words comes from the index in the order of the ids."""
        return self.sort or (Sort.ENDED if region == "completed" and not self.criteria.q else Sort.NEWEST)

    @property
    def shown(self) -> Criteria:
        """What stands in all the lists together."""
        if self.shows_history or self.criteria.statuses:
            return self.criteria
        shown = [status for region in self.regions for status in _REGION_STATUSES[region]]
        return replace(self.criteria, statuses=tuple(shown))

    def number_of(self, region: str) -> int:
        """Which page of one of the lists."""
        return self.completed if region == "completed" else self.page

    def turned(self, region: str, number: int) -> "Asked":
        """On another page of one of the lists."""
        return replace(self, completed=number) if region == "completed" else replace(self, page=number)

    def narrowed(self, **changes: object) -> "Asked":
        """Other criteria, from the first page on."""
        return replace(self, criteria=replace(self.criteria, **changes), page=1, completed=1)  # type: ignore[arg-type]

    def cleared(self) -> "Asked":
        """Nothing is left out any more."""
        return replace(self, criteria=Criteria(), page=1, completed=1)

    def without_cancelled(self) -> "Asked":
        """Nothing that stands in the history only."""
        return self.narrowed(statuses=tuple(s for s in self.criteria.statuses if s is not Status.CANCELLED))

    def query(self, *, paged: bool = True) -> str:
        """The query of the address."""
        criteria = self.criteria
        query: list[tuple[str, object]] = [("type", word) for word in criteria.types]
        query += [("q", criteria.q)] if criteria.q else []
        query += [("status", status.value) for status in criteria.statuses]
        for name in _PLAIN[1:]:
            if value := getattr(criteria, _NAMES.get(name, name)):
                query.append((name, value))
        query += [("sort", self.sort.value)] if self.sort else []
        query += [("view", "history")] if self.history else []
        if paged:
            query += [(name, n) for name, n in (("page", self.page), ("completed", self.completed)) if n > 1]
        return urlencode(query)

    def address(self) -> str:
        """Where this is shown."""
        return address_of(self.query())

    def _possible(self) -> tuple[Status, ...]:
        if self.criteria.statuses:
            return self.criteria.statuses
        if self.criteria.cause:
            return (Status.FAILED,)
        return tuple(NEEDS.get(self.criteria.needs, Status))


def address_of(query: str) -> str:
    """Where a query of the Jobs page is shown."""
    return f"{PATH}?{query}" if query else PATH


def read_address(address: str) -> tuple[Asked, tuple[str, ...]]:
    """What the address asks for, and a sentence for each value that was left out."""
    return read_query(parse_qsl(urlsplit(address).query))


def read_query(query: Iterable[tuple[str, str]]) -> tuple[Asked, tuple[str, ...]]:
    """As `read_address`, from names and values."""
    given: dict[str, list[str]] = {}
    for name, value in query:
        given.setdefault(name, []).append(value)
    faults: list[str] = []
    words = {name: given.get(name, [""])[-1].strip() for name in (*_PLAIN, "sort", "view")}
    types = _among(_words(given, "type"), _is_type, "is no type of jobs", faults)
    statuses = _among(_words(given, "status"), lambda word: word in set(Status), "is no status", faults)
    sorts = _among([words["sort"]], lambda word: word in set(Sort), "is no order", faults)
    views = _among([words["view"]], lambda word: word == "history", "is no view", faults)
    criteria = Criteria(
        types=types,
        statuses=tuple(Status(word) for word in statuses),
        **{_NAMES.get(name, name): words[name] for name in _PLAIN},
    )
    asked = Asked(
        _without_faults(criteria, faults),
        Sort(sorts[0]) if sorts else None,
        bool(views),
        _number(given.get("page")),
        _number(given.get("completed")),
    )
    return asked, tuple(faults)


def _words(given: Mapping[str, list[str]], name: str) -> list[str]:
    """Several may be said one by one, or with commas between them."""
    return [word for value in given.get(name, []) for word in value.split(",")]


def _among(words: Iterable[str], is_known: object, why: str, faults: list[str]) -> tuple[str, ...]:
    known = dict.fromkeys(word for word in words if word and is_known(word))  # type: ignore[operator]
    faults += [f"{shown(word)} {why}" for word in words if word and word not in known]
    return tuple(known)


def _is_type(word: str) -> bool:
    return word in set(Category) or TYPE_KEY.fullmatch(word) is not None


def _without_faults(criteria: Criteria, faults: list[str]) -> Criteria:
    try:
        criteria.check()
    except InvalidInput as error:
        faults += [fault.message for fault in error.errors]
        left_out: dict[str, Any] = {fault.field: "" for fault in error.errors}
        return replace(criteria, **left_out)
    return criteria


def _number(texts: list[str] | None) -> int:
    text = texts[-1] if texts else ""
    return max(1, int(text)) if text.isascii() and text.isdecimal() and len(text) < 10 else 1
