"""Paragraphs, lists, tables: what may stay of a document's blocks, and what they become."""

from html.parser import HTMLParser
from typing import Any

from engine.renders.documents.chart_data import chart_of
from engine.renders.documents.clean_inlines import Inlines, is_language, picture_node
from engine.renders.documents.languages import CALLOUTS, is_right_to_left
from engine.renders.documents.nodes import Node, attributes, figure, node, plain, words
from engine.renders.documents.pictures import TEXT_WIDTH, Pictures
from engine.renders.documents.remarks import Remarks
from engine.renders.documents.tables import MOST_CELLS, cell_count, cleaned_table, column_count, table_of_csv
from engine.renders.program import Fault

DEEPEST = 10
MOST_CHARTS = 50
_BOXES = {("[", "Space", "]"): "☐", ("[x]",): "☒", ("[X]",): "☒"}


class Blocks:
    """Cleans blocks; headings stay only where they divide the document."""

    def __init__(self, lang: str, inlines: Inlines, pictures: Pictures, remarks: Remarks) -> None:
        self._number_side = "AlignLeft" if is_right_to_left(lang) else "AlignRight"
        self._inlines = inlines
        self._pictures = pictures
        self._remarks = remarks
        self._depth = 0
        self._cells = 0
        inlines.blocks = self.clean

    def clean(self, nodes: list[Node]) -> list[Node]:
        """What may stay of these blocks, in their order.

        Raises:
            Fault: something is nested too deeply, too large, or broken.
        """
        self._depth += 1
        if self._depth > DEEPEST + 1:
            raise Fault(f"Lists and quotes in the text must be nested at most {DEEPEST} deep")
        kept = [clean for block in nodes for clean in self._cleaned(block)]
        self._depth -= 1
        return kept

    def _cleaned(self, block: Node) -> list[Node]:
        kind: str = block["t"]
        content: Any = block.get("c")
        match kind:
            case "Para" | "Plain":
                return self._paragraph(kind, content)
            case "Header":
                return self._heading(content)
            case "CodeBlock":
                return self._code(content)
            case "BlockQuote":
                return [node("BlockQuote", inner)] if (inner := self.clean(content)) else []
            case "BulletList":
                return [node("BulletList", [self.clean(_with_box(item)) for item in content])]
            case "OrderedList":
                return [node("OrderedList", [_start(content[0]), [self.clean(item) for item in content[1]]])]
            case "HorizontalRule":
                return [block]
            case "RawBlock":
                return self._raw(content[1])
        return self._cleaned_rarely(kind, content)

    def _cleaned_rarely(self, kind: str, content: Any) -> list[Node]:
        match kind:
            case "Table":
                return self._table(content)
            case "DefinitionList":
                clean = self._inlines.clean
                return [node(kind, [[clean(term), [self.clean(each) for each in told]] for term, told in content])]
            case "LineBlock":
                return [node(kind, [self._inlines.clean(line) for line in content])]
            case "Div":
                return self._div(content)
            case "Figure":
                return self.clean(content[2])
        return []

    def _paragraph(self, kind: str, content: list[Node]) -> list[Node]:
        inlines = self._inlines.clean(content)
        if len(inlines) == 1 and inlines[0]["t"] == "Image":
            told, alt, (source, title) = inlines[0]["c"]
            picture = node("Image", [told, alt, [source, ""]])
            return [figure([node("Plain", [picture])], words(title or plain(alt)))]
        return [node(kind, inlines)] if inlines else []

    def _heading(self, content: list[Any]) -> list[Node]:
        level, (name, _, _), told = content
        inlines = [each for each in self._inlines.clean(told) if each["t"] not in ("Note", "Image", "LineBreak")]
        if not plain(inlines):
            return []
        if self._depth > 1:
            return [node("Para", [node("Strong", inlines)])]
        return [node("Header", [level, attributes(name), inlines])]

    def _code(self, content: list[Any]) -> list[Node]:
        (_, classes, pairs), text = content
        kind = classes[0].lower() if classes else ""
        if kind == "csv":
            made = table_of_csv(text, dict(pairs).get("caption", ""), self._number_side, self._remarks)
            return [self._counted(table) for table in made]
        if kind == "chart":
            return self._chart(text)
        known = [name for name in classes[:1] if is_language(name)]
        return [node("CodeBlock", [attributes("", known), text])]

    def _chart(self, text: str) -> list[Node]:
        if len(self._pictures.charts) >= MOST_CHARTS:
            raise Fault(f"The text must have at most {MOST_CHARTS} charts")
        chart = chart_of(text)
        picture = self._pictures.draw(chart).within(TEXT_WIDTH)
        return [figure([node("Plain", [picture_node(picture, chart.told)])], words(chart.title))]

    def _table(self, content: list[Any]) -> list[Node]:
        self._inlines.width = TEXT_WIDTH / column_count(content)
        made = cleaned_table(content, self._number_side, self._in_cell)
        self._inlines.width = TEXT_WIDTH
        return [self._counted(made)]

    def _counted(self, table: Node) -> Node:
        self._cells += cell_count(table["c"])
        if self._cells > MOST_CELLS:
            raise Fault(f"The tables of a text must have at most {MOST_CELLS:,} cells together")
        return table

    def _in_cell(self, blocks: list[Node]) -> list[Node]:
        """A figure has no place in a cell, its picture has."""
        kept = self.clean(blocks)
        return [node("Plain", each["c"][2][0]["c"]) if each["t"] == "Figure" else each for each in kept]

    def _div(self, content: list[Any]) -> list[Node]:
        (_, classes, _), blocks = content
        kind = next((name.lower() for name in classes if name.lower() in CALLOUTS), "")
        if not kind:
            self._depth -= 1  # it only held them together
            inner = self.clean(blocks)
            self._depth += 1
            return inner
        inner = self.clean([block for block in blocks if not _is_title(block)])
        return [node("Div", [attributes("", [kind]), inner])] if inner else []

    def _raw(self, text: str) -> list[Node]:
        self._remarks.add("HTML in the Markdown is left out", text)
        return [node("Para", words(shown))] if (shown := _text_of(text)) else []


def _start(told: list[Any]) -> list[Any]:
    number, style, _ = told
    return [min(max(number, 0), 1_000_000), style, node("Period")]


def _with_box(item: list[Node]) -> list[Node]:
    """A task in a list: what is written as [ ] or [x] becomes a box."""
    if not item or item[0]["t"] not in ("Plain", "Para"):
        return item
    inlines = item[0]["c"]
    signs = tuple(each.get("c", each["t"]) if each["t"] in ("Str", "Space") else "" for each in inlines[:3])
    for written, box in _BOXES.items():
        if signs[: len(written)] == written and inlines[len(written) : len(written) + 1] == [node("Space")]:
            return [node(item[0]["t"], [node("Str", box), *inlines[len(written) :]]), *item[1:]]
    return item


def _is_title(block: Node) -> bool:
    return bool(block["t"] == "Div" and block["c"][0][1] == ["title"])


class _Text(HTMLParser):
    """Gathers what a browser would show."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """What is no text for people is passed over."""
        self._hidden += tag in ("script", "style", "template")

    def handle_endtag(self, tag: str) -> None:
        """It goes on."""
        self._hidden -= tag in ("script", "style", "template") and self._hidden > 0

    def handle_data(self, data: str) -> None:
        """Text."""
        if not self._hidden:
            self.said.append(data)


def _text_of(html: str) -> str:
    reader = _Text()
    reader.feed(html)
    reader.close()
    return " ".join(" ".join(reader.said).split())
