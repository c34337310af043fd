"""An error as one sentence, with everything that was said behind a fold where that is more."""

import re
from dataclasses import dataclass

from ui.components.node import Node

LONGEST = 220
_ANSWER = re.compile(r"\s*[:(]\s*(?=[245]\d\d[ -])")  # what a mail server answered, to the letter
_UNEXPECTED = re.compile(r"(The job stopped on an unexpected) \w+: ", re.ASCII)


@dataclass(frozen=True)
class Told:
    """`details` is the whole text, empty where the sentence says it all."""

    sentence: str
    details: str = ""


def told(error: str) -> Told:
    """The sentence that a person reads first."""
    text = error.strip()
    sentence = text.splitlines()[0].strip() if text else ""
    if unexpected := _UNEXPECTED.match(sentence):
        sentence = f"{unexpected.group(1)} error"
    if (answer := _ANSWER.search(sentence)) and answer.start() > 0:
        sentence = sentence[: answer.start()]
    if len(sentence) > LONGEST:
        sentence = f"{_first_sentence(sentence).rstrip()}"
    return Told(sentence) if sentence == text else Told(sentence, text)


def show_error(error: str, classes: str = "error-line") -> None:
    """Draw both."""
    shown = told(error)
    Node("p", shown.sentence, classes, dir="auto")
    if shown.details:
        with Node("details", "", "fold"):
            Node("summary", "Show details")
            Node("pre", shown.details, dir="auto", tabindex="0")


def _first_sentence(text: str) -> str:
    end = text.find(". ", 40, LONGEST)
    return text[: end + 1] if end > 0 else f"{text[:LONGEST].rsplit(' ', 1)[0]}…"
