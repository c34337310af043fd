"""Secrets that somebody holds and we only recognise. 256 random bits need no slow hash: what is kept is SHA-256."""

import hashlib
import secrets
from datetime import timedelta

BYTES = 32
NOTED_EVERY = timedelta(minutes=1)  # how often a use is written down


def new_secret() -> str:
    """Another one, in the letters of a URL."""
    return secrets.token_urlsafe(BYTES)


def digest(secret: str) -> str:
    """What is kept of it."""
    return hashlib.sha256(secret.encode()).hexdigest()
