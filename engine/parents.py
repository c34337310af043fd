"""What the templates of a job may speak of: the jobs before it, the inputs of its workflow, the item of its list."""

from collections.abc import Mapping, Sequence
from typing import Any

from engine.filling import JOBS, MEMBERS_OF_LISTS
from models.database import connection
from models.dependency import Parent, parents_of
from models.job import Job


async def known_to(job: Job) -> dict[str, Any]:
    """By name, as its templates say it."""
    template = job.template or {}
    parents = await parents_of(connection(), [job.id])
    rows = await Job.filter(id__in=[parent.id for parent in parents]).values("id", "status", "result", "error")
    told = {row["id"]: row for row in rows}
    return {**template.get("values", {}), JOBS: _by_name(parents, told, template.get("lists", ()))}


def _by_name(
    parents: Sequence[Parent], told: Mapping[int, Mapping[str, Any]], lists: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """What templates see of the jobs before: each by its name, and of a list of them every member as a list."""
    found: dict[str, dict[str, Any]] = {}
    places: dict[str, list[tuple[int, Mapping[str, Any]]]] = {name: [] for name in lists}
    for parent in parents:
        name, _, place = parent.name.partition(".")
        row = told.get(parent.id, {})
        if place:
            places.setdefault(name, []).append((int(place), row))
        else:
            found[name] = dict(row)
    for name, rows in places.items():
        ordered = [row for _, row in sorted(rows, key=lambda each: each[0])]
        found[name] = {plural: [row.get(member) for row in ordered] for member, plural in MEMBERS_OF_LISTS.items()}
        found[name]["count"] = len(ordered)
    return found
