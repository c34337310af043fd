"""Where lines end: within a width, as few lines as possible, and those of like lengths."""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from unicodedata import category

Measure = Callable[[str], float]  # how wide a text is, in pixels


def greedy(text: str, measure: Measure, width: float) -> list[str]:
    """Lines filled one after the other; a word that is wider than a line is broken."""
    lines: list[str] = []
    for paragraph in text.splitlines():
        line = ""
        for word in paragraph.split():
            longer = f"{line} {word}" if line else word
            if measure(longer) <= width:
                line = longer
                continue
            if line:
                lines.append(line)
            *full, line = _pieces(word, measure, width)
            lines += full
        lines.append(line)
    return lines


def balanced(text: str, measure: Measure, width: float) -> list[str]:
    """As many lines as `greedy` makes, of lengths as like as can be."""
    lines: list[str] = []
    for paragraph in text.splitlines():
        filled = greedy(paragraph, measure, width)
        words = paragraph.split()
        if len(filled) < 2 or max(measure(word) for word in words) > width:
            lines += filled
        else:
            lines += _even(words, measure, width, len(filled))
    return lines


def raggedness(lines: Sequence[str], measure: Measure) -> float:
    """How unlike the lines' lengths are: 0 where they are the same, up to 1."""
    lengths = [measure(line) for line in lines]
    longest = max(lengths, default=0)
    return sum((1 - length / longest) ** 2 for length in lengths) / len(lengths) if longest else 0.0


def clusters(text: str) -> list[str]:
    """Letters with the marks that belong to them."""
    found: list[str] = []
    for sign in text:
        if found and category(sign)[0] == "M":
            found[-1] += sign
        else:
            found.append(sign)
    return found


def _pieces(word: str, measure: Measure, width: float) -> list[str]:
    """The word, in pieces of like lengths if it is too long, with hyphens between letters."""
    letters = clusters(word)
    for count in range(1, len(letters)):
        ends = [round(len(letters) * piece / count) for piece in range(count + 1)]
        pieces = ["".join(letters[start:end]) for start, end in pairwise(ends)]
        joined = pairwise([*pieces, ""])
        hyphened = [f"{one}-" if one[-1:].isalpha() and other[:1].isalpha() else one for one, other in joined]
        if all(measure(piece) <= width for piece in hyphened):
            return hyphened
    return letters


def _even(words: Sequence[str], measure: Measure, width: float, count: int) -> list[str]:
    """The words in so many lines that the squares of what is left free are least in all (Knuth and Plass, 1981)."""
    cost = [[math.inf] * (len(words) + 1) for _ in range(count + 1)]  # of the first words in so many lines
    start = [[0] * (len(words) + 1) for _ in range(count + 1)]
    cost[0][0] = 0.0
    for first in range(len(words)):
        for end in range(first + 1, len(words) + 1):
            length = measure(" ".join(words[first:end]))
            if length > width:
                break
            for line in range(count):
                told = cost[line][first] + (width - length) ** 2
                if told < cost[line + 1][end]:
                    cost[line + 1][end], start[line + 1][end] = told, first
    lines: list[str] = []
    end = len(words)
    for line in range(count, 0, -1):
        first = start[line][end]
        lines.insert(0, " ".join(words[first:end]))
        end = first
    return lines
