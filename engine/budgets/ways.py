"""The ways out that may be limited: all mail, mail to a domain, posts on a channel, calls of a host."""

MAIL, CHANNEL, HOST = "mail", "channel", "host"
_WORDS = {MAIL: ("mail", "mails", "to"), CHANNEL: ("post", "posts", "on"), HOST: ("call", "calls", "of")}
_SPANS = {1: "second", 60: "minute", 3600: "hour", 86_400: "day"}
_EACH = {MAIL: "domain", CHANNEL: "channel", HOST: "host"}


def way_words(key: str) -> str:
    """What is limited, as "Mail", "Mail to example.org" or "Calls of each host"."""
    kind, _, name = key.partition(":")
    _, many, to = _WORDS[kind]
    what = "Mail" if kind == MAIL else many.capitalize()
    if not name:
        return what
    return f"{what} {to} each {_EACH[kind]}" if name == "*" else f"{what} {to} {name}"


def limit_words(key: str, count: int, per_seconds: int) -> str:
    """A limit, as "at most 60 mails an hour" or "at most 5 calls in 90 s of hooks.example.org"."""
    kind, _, name = key.partition(":")
    one, many, to = _WORDS[kind]
    said = f"at most {count:,} {one if count == 1 else many} {span_words(per_seconds)}"
    if not name:
        return said
    return f"{said} {to} {f'each {_EACH[kind]}' if name == '*' else name}"


def span_words(seconds: int) -> str:
    """As "an hour" or "in 90 s"."""
    if name := _SPANS.get(seconds):
        return f"{'an' if name == 'hour' else 'a'} {name}"
    for size in (86_400, 3600, 60):
        if seconds % size == 0:
            return f"in {seconds // size:,} {_SPANS[size]}s"
    return f"in {seconds:,} s"
