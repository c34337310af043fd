"""What a job's result tells of what it used."""

from typing import Any

from models.usage import MAX_USED, Used

MICRO = 1_000_000  # of a unit of money


def told_use(result: Any) -> Used:
    """The `tokens`, in all or as `{"input", "output"}`, and the `cost` of a result; nothing for what makes no sense."""
    if not isinstance(result, dict):
        return Used()
    told = result.get("tokens")
    parts = [told.get("input"), told.get("output")] if isinstance(told, dict) else [told]
    return Used(tokens=_whole(sum(map(_number, parts))), micros=micros(_number(result.get("cost"))))


def micros(cost: float) -> int:
    """Money in millionths, for sums that are exact."""
    return _whole(cost * MICRO)


def _number(value: Any) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(min(value, MAX_USED)) if is_number and value > 0 else 0.0  # neither of what is no number


def _whole(value: float) -> int:
    return min(round(value), MAX_USED)
