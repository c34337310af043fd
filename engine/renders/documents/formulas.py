"""Which formulas of a document cannot be set: each is tried by itself."""

from pathlib import Path

from engine.renders.documents import pandoc
from engine.renders.documents.nodes import Node, node, raw_block, replaced
from engine.renders.documents.press import compiler

MOST_TRIED = 1_000
_SPLIT = "// the next formula"


def broken(blocks: list[Node], folder: Path) -> frozenset[str]:
    """The formulas that cannot be set, as they are written; where there are very many, those not tried among them."""
    formulas = list(dict.fromkeys(_formulas(blocks)))
    tried = [node("Math", [node("DisplayMath"), formula]) for formula in formulas[:MOST_TRIED]]
    alone = [each for math in tried for each in (node("Para", [math]), raw_block("typst", _SPLIT))]
    written = pandoc.write(alone, "typst-smart").decode().split(_SPLIT)
    bad = {formula for formula, text in zip(formulas[:MOST_TRIED], written, strict=False) if not _is_set(text, folder)}
    return frozenset(bad | set(formulas[MOST_TRIED:]))


def _formulas(blocks: list[Node]) -> list[str]:
    found: list[str] = []

    def seen(each: Node) -> None:
        if each["t"] == "Math":
            found.append(each["c"][1])

    replaced(blocks, seen)
    return found


def _is_set(text: str, folder: Path) -> bool:
    (folder / "formula.typ").write_text(text, encoding="utf-8")
    try:
        compiler(folder / "formula.typ").compile(format="svg")
    except RuntimeError:
        return False
    return True
