"""What a job's approval takes: kept with the job, so that a later change of the policy changes no job in review."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Need:
    """One rule's demand: so many different people, of this group if there is one. Without a rule, somebody asked."""

    title: str
    rule_id: int | None = None
    approvers: int = 1
    group: str | None = None


@dataclass(frozen=True)
class Approver:
    """Somebody who approved, and the groups they are in."""

    name: str
    groups: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Terms:
    """Every need has to be met. `own` is whether whoever made the job or its latest version counts.

    `by_link` is whether a reviewer without an account may decide, `agent` the program that submitted the job, if one
    did, and `trusted_by` the rule that approved it.
    """

    needs: tuple[Need, ...]
    own: bool = True
    by_link: bool = False
    agent: str | None = None
    trusted_by: int | None = None

    @property
    def reason(self) -> str:
        """Why the job needs approval, in words."""
        return "; ".join(need.title for need in self.needs)

    def unmet(self, approvers: Collection[Approver]) -> list[str]:
        """What is still missing, in words; nothing when everybody needed has approved."""
        people = list({each.name: each for each in approvers}.values())  # whoever approves twice counts once
        return [words for need in self.needs if (words := _missing(need, people))]

    def stored(self) -> dict[str, Any]:
        """As it is kept with the job."""
        return {**asdict(self), "needs": [asdict(need) for need in self.needs]}

    @classmethod
    def of(cls, stored: Mapping[str, Any] | None) -> "Terms":
        """From what is kept; a job of an earlier version has none, and one approval will do."""
        if not stored:
            return cls((ASKED,))
        return cls(**{**stored, "needs": tuple(Need(**need) for need in stored["needs"])})


ASKED = Need("asked for when it was submitted")


def joined(terms: Iterable[Terms]) -> Terms:
    """What holds when all of these do."""
    every = list(terms)
    needs = {(need.rule_id, need.title): need for each in every for need in each.needs}
    return Terms(
        tuple(needs.values()),
        own=all(each.own for each in every),
        by_link=all(each.by_link for each in every),
        agent=next((each.agent for each in every if each.agent), None),
    )


def _missing(need: Need, approvers: Collection[Approver]) -> str:
    counted = sum(need.group is None or need.group in approver.groups for approver in approvers)
    if counted >= need.approvers:
        return ""
    people = "person" if need.approvers - counted == 1 else "people"
    of_group = f" of {need.group}" if need.group else ""
    return f"{need.approvers - counted} more {people}{of_group} ({need.title})"
