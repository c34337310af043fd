"""The tables, in Markdown."""

import os
import sqlite3
import statistics
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from tests.peers.contenders import CONTENDERS, FILE, US, WAYS, Contender
from tests.peers.process import Measured

AT_ONCE = 10
_DRAINED = ("drained by one process", "store", "at once", "jobs a second", "Job Runner on SQLite: times as fast")
_ENQUEUED = ("enqueued by one client", "store", "one by one, a second", "in batches of 1,000, a second")
_WAYS = ("", "keeps of a finished job", "a job whose worker was killed", "looks for jobs")


@dataclass
class Results:
    """What each round gave, in jobs a second; a row of every round has the same place in each list."""

    measured: dict[Contender, list[Measured]] = field(default_factory=dict)
    floors: list[float] = field(default_factory=list)
    submitted: dict[str, list[float]] = field(default_factory=dict)
    """By store: one by one, by a client inside of Job Runner."""


def show(results: Results, postgres: str, redis: str) -> None:
    """Print everything."""
    print(_around(postgres, redis))
    _print_table(_DRAINED, _drained(results))
    _print_table(_ENQUEUED, _enqueued(results))
    _print_table(_WAYS, [[name, ways.keeps, ways.dies, ways.looks] for name, ways in WAYS.items()])


def _around(postgres: str, redis: str) -> str:
    python = ".".join(map(str, sys.version_info[:3]))
    stores = f"SQLite {sqlite3.sqlite_version}, PostgreSQL {postgres}, Redis {redis}"
    return f"\n{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the end; Python {python}, {stores}."


def _print_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    print()
    for row in (head, ["---"] * len(head), *rows):
        print(f"| {' | '.join(row)} |", flush=True)


def _drained(results: Results) -> Iterator[list[str]]:
    ours = {row.at_once: _rates(runs) for row, runs in results.measured.items() if (row.name, row.store) == (US, FILE)}
    yield ["plain sqlite3: claim ten, commit each finish", FILE, str(AT_ONCE), *_beside(ours[AT_ONCE], results.floors)]
    for row, runs in results.measured.items():
        rates = _rates(runs)
        yield [_titled(row, runs), row.store, str(row.at_once), *_beside(ours.get(row.at_once, ours[AT_ONCE]), rates)]


def _rates(runs: Sequence[Measured]) -> list[float]:
    return [run.drained for run in runs]


def _beside(ours: Sequence[float], theirs: Sequence[float]) -> tuple[str, str]:
    ratios = [mine / other for mine, other in zip(ours, theirs, strict=True)]
    return _spread(theirs), f"{statistics.median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f})"


def _spread(rates: Sequence[float]) -> str:
    return f"{statistics.median(rates):,.0f} ({min(rates):,.0f}–{max(rates):,.0f})" if rates else ""


def _titled(row: Contender, runs: Sequence[Measured]) -> str:
    version = "" if row.library == US else f" {runs[0].version}"
    return row.name.replace(row.library, row.library + version, 1)


def _enqueued(results: Results) -> Iterator[list[str]]:
    for library, store in dict.fromkeys((row.library, row.store) for row in CONTENDERS if row in results.measured):
        found = [
            run.enqueued
            for row, runs in results.measured.items()
            if (row.library, row.store) == (library, store)
            for run in runs
        ]
        ways = {way: [rates[way] for rates in found if way in rates] for way in ("one by one", "in batches")}
        if library == US:
            ways["one by one"] = results.submitted[store]
        yield [library, store, *(_spread(rates) for rates in ways.values())]
