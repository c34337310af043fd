"""Where the next attempts may run: in this process, or on workers that have a place left."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from engine.budgets.book import FREE, Allowance
from models.message import Worker


@dataclass(frozen=True)
class Places:
    """How many attempts may begin of each type, and how many in all."""

    of_type: Mapping[str, int]
    total: int


def within(places: Places, allowance: Allowance) -> Places:
    """The places that budgets leave."""
    if allowance is FREE:
        return places
    of_type = {
        key: min(most, allowance.most.get(key, most))
        for key, most in places.of_type.items()
        if key not in allowance.held and allowance.most.get(key, 1) > 0
    }
    total = places.total if allowance.total is None else min(places.total, allowance.total)
    return Places(of_type, total if of_type else 0)


def here(types: Collection[str], elsewhere: Collection[str], free: int) -> Places:
    """What this process itself may begin: types that no worker runs."""
    own = [key for key in types if key not in elsewhere]
    return Places(dict.fromkeys(own, free), free if own else 0)


def on_workers(workers: Sequence[Worker], on_the_way: Mapping[str, int], ahead: int = 0) -> Places:
    """What may be sent to workers; `on_the_way` are the attempts, by type, that none has taken up yet.

    `ahead` is how many more they will have taken up in a moment. Where workers run different types this may be more
    than they can take at once. Then an attempt waits on its way, and goes back to the queue if that takes longer
    than a lease.
    """
    of_type = {
        key: ahead + sum(worker.free for worker in workers if key in worker.types) - on_the_way.get(key, 0)
        for key in sorted(frozenset[str]().union(*(worker.types for worker in workers)))
    }
    total = ahead + sum(worker.free for worker in workers) - sum(on_the_way.values())
    return Places({key: most for key, most in of_type.items() if most > 0}, max(0, total))
