"""The one place that asks what time it is."""

from datetime import UTC, datetime


def now() -> datetime:
    """The current moment, aware, in UTC."""
    return datetime.now(UTC)


def told(moment: datetime) -> str:
    """RFC 3339, of a moment in UTC."""
    return moment.isoformat().replace("+00:00", "Z")
