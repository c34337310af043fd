"""What a person should know of a document that was made all the same, said once and not a hundred times."""

from engine.renders.program import Work

SHOWN = 3
LONGEST = 60


class Remarks:
    """Gathers what happened by kind, with a few examples of each."""

    def __init__(self) -> None:
        self._examples: dict[str, list[str]] = {}

    def add(self, kind: str, example: str = "") -> None:
        """Remember it; `kind` is the sentence, and the example is what it is about."""
        self._examples.setdefault(kind, []).append(example)

    def tell(self, work: Work) -> None:
        """Write a line for each kind to the log."""
        for kind, examples in self._examples.items():
            work.log(_line(kind, [_short(example) for example in dict.fromkeys(examples) if example]))
        self._examples.clear()


def _line(kind: str, examples: list[str]) -> str:
    if not examples:
        return kind
    more = f" and {len(examples) - SHOWN} more" if len(examples) > SHOWN else ""
    return f"{kind}: {', '.join(examples[:SHOWN])}{more}"


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
