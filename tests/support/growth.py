"""How work grows with what it is given, told as a ratio: the machine may be slow, or busy with something else."""

from collections.abc import Callable
from time import process_time

ROUNDS = 3


def growth(work: Callable[[int], object], less: int, more: int) -> float:
    """How many times the processor's time of `less` the work takes with `more`; the best of some rounds of each."""
    return _best(work, more) / _best(work, less)


def _best(work: Callable[[int], object], many: int) -> float:
    return min(_seconds(work, many) for _ in range(ROUNDS))


def _seconds(work: Callable[[int], object], many: int) -> float:
    begun = process_time()
    work(many)
    return process_time() - begun
