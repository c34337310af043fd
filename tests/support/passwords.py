"""Passwords that cost tests little: argon2 is slow on purpose, and what it costs is no part of what they ask."""

from argon2 import PasswordHasher
from argon2.profiles import CHEAPEST

from engine import access


def hash_cheaply() -> None:
    """From now on in this process; a hash tells by itself how to compare with it."""
    access._hasher = PasswordHasher.from_parameters(CHEAPEST)
