"""A moment that stays ahead, whenever the tests run."""

from datetime import UTC, datetime, timedelta

AHEAD = datetime.now(UTC).replace(hour=3, minute=4, second=5, microsecond=0) + timedelta(days=100)
LATER = f"{AHEAD:%Y-%m-%dT%H:%M:%SZ}"
