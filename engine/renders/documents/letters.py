"""Which signs no font here has: typst draws each of them, and those that look like nothing at all are missing."""

import json
import re
import unicodedata
from pathlib import Path

from engine.renders.documents.press import compiler, pages

MOST_TRIED = 5_000
_NAME = re.compile(rb'"#?g[0-9A-F]+"')  # a glyph is called differently in each picture
_NOTHING = "\U000ffffe"  # a noncharacter, which no font has
_EVERYWHERE = frozenset(chr(code) for code in (*range(0x20, 0x7F), *range(0xA0, 0x180), 0x09, 0x0A)) | frozenset(
    "–—‘’“”„†‡•…‰€™−"
)
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Mn", "Mc", "Me", "Zs", "Zl", "Zp"})
_AROUND = "[\ufe0e\ufe0f\u200d\u20e3\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]*"
_DRAW = """
#set page(width: 40pt, height: 40pt, margin: 8pt)
#set text(font: ("Source Sans Pro", "DejaVu Sans Mono"), size: 16pt)
#for sign in json("signs.json") { page(text(sign)) }
"""


def missing(text: str, folder: Path) -> frozenset[str]:
    """The signs of this text that cannot be drawn; `folder` is where to try."""
    rare = {sign for sign in set(text) - _EVERYWHERE if unicodedata.category(sign) not in _UNSEEN}
    tried = sorted(rare)[:MOST_TRIED]
    if not tried:
        return frozenset()
    (folder / "signs.json").write_text(json.dumps([_NOTHING, *tried]), encoding="utf-8")
    (folder / "signs.typ").write_text(_DRAW, encoding="utf-8")
    drawn = pages(compiler(folder / "signs.typ").compile(format="svg"))
    nothing, *shapes = [_NAME.sub(b"", shape) for shape in drawn]
    return frozenset(sign for sign, shape in zip(tried, shapes, strict=True) if shape == nothing)


def without(text: str, signs: frozenset[str]) -> str:
    """The text without these signs, and without what only changes how they look."""
    if not signs or signs.isdisjoint(text):
        return text
    pattern = "[" + re.escape("".join(sorted(signs))) + "]"
    return re.sub(rf"(?:{pattern}{_AROUND})+", "", text)


def shown(signs: frozenset[str]) -> str:
    """The signs with their numbers, a few of them."""
    first = sorted(signs)[:12]
    more = f" and {len(signs) - len(first)} more" if len(signs) > len(first) else ""
    return ", ".join(f"{sign} (U+{ord(sign):04X})" for sign in first) + more
