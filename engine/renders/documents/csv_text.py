"""Comma-separated values as people write them, and the numbers in them."""

import csv
import io
import math
import re

from engine.renders.program import Fault

DELIMITERS = ",;\t|"
_AROUND = re.compile(r"^[€$£¥%\s]+|[€$£¥%\s]+$")
_SIGN = re.compile(r"^[+\-−–](?=[\d.€$£¥])")  # a dash, as word processors make of a minus
_THOUSANDS = re.compile(r"\d{1,3}([,.'’ \u00a0\u202f])\d{3}(\1\d{3})*(?!\d)")
_NUMBER = re.compile(r"\d*\.?\d+|\d+\.")


def rows_of(text: str, what: str) -> list[list[str]]:
    """The rows that are not empty; what stands first tells whether commas, semicolons or tabs divide it.

    Raises:
        Fault: it cannot be read; `what` begins the sentence.
    """
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = max(DELIMITERS, key=first.count)
    try:
        rows = [
            [value.strip() for value in row] for row in csv.reader(io.StringIO(text.strip("\n")), delimiter=delimiter)
        ]
    except csv.Error as error:
        raise Fault(f"{what} cannot be read as comma-separated values: {error}") from None
    return [row for row in rows if any(row)]


def number_of(text: str) -> float | None:
    """The number that a text is, with its thousands divided, a currency or per cent; None if it is none.

    "1,234.5", "1.234,5", "1 234,5", "−3", "12 %" and "€ 1,200" are numbers. One comma before other than three digits
    is a decimal one.
    """
    rest = _AROUND.sub("", text)
    is_negative = False
    if sign := _SIGN.match(rest):
        is_negative = sign[0] != "+"
        rest = _AROUND.sub("", rest[1:])
    rest = _with_point(rest)
    if not _NUMBER.fullmatch(rest):
        return None
    value = float(rest)
    return (-value if is_negative else value) if math.isfinite(value) else None


def _with_point(text: str) -> str:
    found = _THOUSANDS.match(text)
    if found is None or (found[1] == "." and found[0] == text and text.count(".") == 1):
        return text.replace(",", ".") if text.count(",") == 1 else text
    whole, rest = found[0].replace(found[1], ""), text[found.end() :]
    is_decimal = rest[:1] in (".", ",") and rest[0] != found[1]
    return f"{whole}.{rest[1:]}" if is_decimal else whole + rest
