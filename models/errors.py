"""What callers are told when the database cannot be used."""


class DatabaseError(Exception):
    """The database cannot be used as was asked; the message says why and what to do."""
