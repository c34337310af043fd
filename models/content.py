"""What a job would do, as a hash: an approval holds for exactly that."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from models.channel import Channel
from models.database import stored_json


async def content_hashes(jobs: Sequence[tuple[str, dict[str, Any]]]) -> list[str]:
    """The SHA-256 of each job's type and payload, and of where its channels lead.

    Files in a payload are named by their content, so the payload stands for them. A channel that was removed, or made
    anew under its old name, is another one.
    """
    names = {name for _, payload in jobs for name in channels_in(payload)}
    rows = await Channel.filter(name__in=sorted(names)).values("id", "name", "kind", "url") if names else []
    known = {row["name"]: [row["id"], row["kind"], row["url"]] for row in rows}
    return [_hash(key, payload, {name: known.get(name) for name in channels_in(payload)}) for key, payload in jobs]


async def content_hash(type_key: str, payload: dict[str, Any]) -> str:
    """See `content_hashes`."""
    return (await content_hashes([(type_key, payload)]))[0]


def channels_in(payload: dict[str, Any]) -> list[str]:
    """The channels that a payload names."""
    names = payload.get("channels")
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


def _hash(type_key: str, payload: dict[str, Any], channels: dict[str, Any]) -> str:
    content = [type_key, _plain(json.loads(stored_json(payload))), channels]
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: Any) -> Any:
    """Numbers as every database gives them back: PostgreSQL makes of 1e3 and of 1000.0 what it makes of 1000."""
    match value:
        case float() if value.is_integer():
            return int(value)
        case dict():
            return {key: _plain(item) for key, item in value.items()}
        case list():
            return [_plain(item) for item in value]
        case _:
            return value
