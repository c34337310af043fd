"""Names that people give to channels, people and tokens."""

import re

from engine.errors import FieldError
from engine.faults import shown

_NAME = re.compile(r"[^\W_](?:[\w .@-]{0,62}[\w.@-])?")


def name_faults(name: str) -> list[FieldError]:
    """The rule that the name breaks, if any."""
    if _NAME.fullmatch(name):
        return []
    rule = "name must have 1 to 64 letters, digits, spaces or . _ @ -, beginning with a letter or digit"
    return [FieldError("name", f"{rule}, not {shown(name)}")]
