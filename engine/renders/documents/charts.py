"""Charts as SVG: calm, with nothing in them that runs or is fetched."""

from xml.etree import ElementTree

import pygal
from pygal.style import Style

from engine.renders.documents.chart_data import Chart

ACCENT = "#4F46E5"
COLOURS = (ACCENT, "#0D9488", "#F59E0B", "#64748B", "#DB2777", "#38BDF8", "#65A30D", "#A78BFA")
WIDTH, HEIGHT = 720, 400  # as 140 mm wide, text of 15 is as large as small print
LEGEND_ROW = 23
FITTING = 78  # characters of all names together that fit under the bars
MOST_DOTS = 40
ROOM_FOR_LAST = 44  # the last name on an axis stands half beyond it
FONTS = "'Source Sans Pro', 'Source Sans 3', system-ui, sans-serif"
_KEPT = frozenset({"svg", "g", "defs", "style", "rect", "path", "line", "circle", "text", "tspan", "polyline"})
_UNSEEN = frozenset({"tooltip", "plot tooltip-overlay", "titles"})
_SVG = "http://www.w3.org/2000/svg"

_STYLE = Style(colors=COLOURS, font_family=FONTS, label_font_size=15, major_label_font_size=15, legend_font_size=15)
_FILLS = "".join(f".color-{number}{{stroke:{colour};fill:{colour}}}" for number, colour in enumerate(COLOURS))
_CSS = f"""
text {{ font-family: {FONTS}; font-size: 15px; fill: #475569; stroke: none }}
.background {{ fill: #FFFFFF; stroke: none }}
.line, .nofill {{ fill: none }}
.guide.line {{ stroke: #E2E8F0; stroke-width: 1 }}
.axis .line {{ stroke: #94A3B8; stroke-width: 1 }}
.axis.y .line, .axis.x .guide.line {{ stroke: none }}
.axis.y .guide.line, .horizontal .axis.x .guide.line {{ stroke: #E2E8F0 }}
.horizontal .axis.y .guide.line {{ stroke: none }}
.axis.x text, .centered {{ text-anchor: middle }}
.axis.x text[transform] {{ text-anchor: start }}
.axis.x text[transform].backwards, .axis.y text {{ text-anchor: end }}
{_FILLS}
.bar rect, .legend rect {{ stroke: none }}
.slice {{ stroke: #FFFFFF; stroke-width: 2 }}
.series .line {{ fill: none; stroke-width: 2.5; stroke-linejoin: round; stroke-linecap: round }}
"""
_KINDS = {"bar": pygal.Bar, "line": pygal.Line, "pie": pygal.Pie, "stacked": pygal.StackedBar}
_LYING = {"bar": pygal.HorizontalBar, "stacked": pygal.HorizontalStackedBar}


def svg_of(chart: Chart) -> bytes:
    """The chart as a picture 720 wide; bars whose names would not fit under them lie."""
    if chart.kind == "pie":
        return _bare(_pie(chart))
    longest = max(len(label) for label in chart.labels)
    is_crowded = longest * len(chart.labels) > FITTING
    if is_crowded and chart.kind in _LYING:
        return _bare(_lying(chart))
    options = _options(chart, len(chart.series))
    if is_crowded:
        options |= {"x_labels_major_count": 7, "show_minor_x_labels": False, "margin_right": ROOM_FOR_LAST}
    drawn = _KINDS[chart.kind](**options)
    drawn.x_labels = [_short(label, 24) for label in chart.labels]
    for series in chart.series:
        drawn.add(series.name, series.values)
    return _bare(drawn)


def _pie(chart: Chart) -> pygal.Pie:
    drawn = pygal.Pie(**_options(chart, len(chart.labels)))
    values = [value or 0 for value in chart.series[0].values]
    for label, value in zip(chart.labels, values, strict=True):
        drawn.add(f"{_short(label, 16)} · {value / sum(values):.0%}", value)
    return drawn


def _lying(chart: Chart) -> pygal.Graph:
    bars = len(chart.labels) * (len(chart.series) if chart.kind == "bar" else 1)
    height = 60 + max(26 * len(chart.labels), 16 * bars)
    options = _options(chart, len(chart.series), height=height)
    drawn = _LYING[chart.kind](**options | {"max_scale": 5, "margin_right": ROOM_FOR_LAST})
    drawn.x_labels = [_short(label, 36) for label in reversed(chart.labels)]
    for series in chart.series:
        drawn.add(series.name, list(reversed(series.values)))
    return drawn


def _options(chart: Chart, entries: int, *, height: int = HEIGHT) -> dict[str, object]:
    columns = min(entries, 3)
    rows = -(-entries // columns) if entries > 1 or chart.kind == "pie" else 0
    return {
        "width": WIDTH,
        "height": height + LEGEND_ROW * rows,
        "style": _STYLE,
        "js": [],
        "disable_xml_declaration": True,
        "show_legend": rows > 0,
        "legend_at_bottom": True,
        "legend_at_bottom_columns": columns,
        "legend_box_size": 12,
        "truncate_legend": 74 // columns,
        "truncate_label": -1,
        "max_scale": 8,
        "margin": 12,
        "margin_bottom": 12 + LEGEND_ROW * max(0, rows - 1),
        "spacing": 12,
        "inner_radius": 0.55,
        "show_dots": len(chart.labels) <= MOST_DOTS,
        "dots_size": 3.5,
        "allow_interruptions": True,
        "value_formatter": _written,
        "rounded_bars": 2 if chart.kind == "bar" else 0,
    }


def _short(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1].rstrip()}…"


def _written(value: float) -> str:
    return f"{value:,.10g}".replace("-", "−")


def _bare(drawn: pygal.Graph) -> bytes:
    ElementTree.register_namespace("", _SVG)
    root = ElementTree.fromstring(drawn.render())  # noqa: S314 (it was made here a moment ago)
    _prune(root)
    for style in root.iter(f"{{{_SVG}}}style"):
        style.text = _CSS
    made: bytes = ElementTree.tostring(root, encoding="utf-8")
    return made


def _prune(element: ElementTree.Element) -> None:
    for child in list(element):
        kind = str(child.tag).rpartition("}")[2]  # a comment has no name
        if kind not in _KEPT or child.get("class", "") in _UNSEEN:
            element.remove(child)
        else:
            _prune(child)
    for name in [name for name in element.attrib if "href" in name or name.startswith("on")]:
        del element.attrib[name]
