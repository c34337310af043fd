"""The pictures of a document: opened with care, made no larger than paper can show, and measured."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from PIL import Image

from engine.renders.colours import WHITE
from engine.renders.documents.chart_data import Chart
from engine.renders.documents.charts import svg_of
from engine.renders.lettering import opened
from engine.renders.program import Fault

TEXT_WIDTH, MOST_HEIGHT = 140.0, 180.0  # millimetres
MOST_PIXELS = (1800, 2400)  # 300 and more in an inch of the text's width
PIXELS_IN_MM = 144 / 25.4  # pictures are usually taken from screens with two pixels a point
MANY_COLOURS = 65_536
_MEDIA_TYPES = {".svg": "image/svg+xml", ".png": "image/png", ".jpg": "image/jpeg"}
_UNITS_IN_MM = 720 / TEXT_WIDTH  # a chart is as wide as the text


@dataclass(frozen=True)
class Picture:
    """A picture in the folder, and its size on paper in millimetres."""

    file: str
    width: float
    height: float

    @property
    def is_chart(self) -> bool:
        """Whether it is drawn of lines, and not of pixels."""
        return self.file.endswith(".svg")

    def within(self, width: float) -> "Picture":
        """The same, no wider than this and no higher than a page has room for."""
        scale = min(1.0, width / self.width, MOST_HEIGHT / self.height)
        return Picture(self.file, self.width * scale, self.height * scale)


class Pictures:
    """Finds pictures by the names that the text has for them, and keeps what it finds in a folder."""

    def __init__(self, files: Mapping[str, Path], folder: Path) -> None:
        self._files = files
        self._folder = folder
        self._found: dict[Path, Picture] = {}
        self._charts: list[Picture] = []

    @property
    def charts(self) -> list[Picture]:
        """Every chart that was drawn."""
        return list(self._charts)

    def find(self, name: str) -> Picture | None:
        """The picture that the text calls so; None if there is none.

        Raises:
            Fault: it is broken or too large.
        """
        file = self._files.get(name) or self._files.get(unquote(name))
        if file is None:
            return None
        if file not in self._found:
            self._found[file] = self._kept(file, name)
        return self._found[file]

    def draw(self, chart: Chart) -> Picture:
        """The chart as a picture."""
        name = f"chart-{len(self._charts) + 1}.svg"
        svg = svg_of(chart)
        (self._folder / name).write_bytes(svg)
        width, height = _view_box(svg)
        self._charts.append(Picture(name, width / _UNITS_IN_MM, height / _UNITS_IN_MM))
        return self._charts[-1]

    def unused(self) -> list[str]:
        """One name of each picture that the text has not shown."""
        names = {file: name for name, file in reversed(list(self._files.items()))}
        return [name for file, name in names.items() if file not in self._found]

    def _kept(self, file: Path, name: str) -> Picture:
        try:
            picture = opened(file)
        except Fault as fault:
            told = str(fault).replace(f" '{file}'", "").replace(file.name, name)
            raise Fault(told) from None
        size = picture.width / PIXELS_IN_MM, picture.height / PIXELS_IN_MM
        picture.thumbnail(MOST_PIXELS)
        stem = f"picture-{len(self._found) + 1}"
        kept = _saved(picture, self._folder / stem, is_photograph=file.suffix == ".jpg" or _is_photograph(picture))
        return Picture(kept.name, max(size[0], 0.1), max(size[1], 0.1))


def data_uri(file: Path) -> str:
    """The file's content as an address that needs no fetching."""
    return f"data:{_MEDIA_TYPES[file.suffix]};base64,{base64.b64encode(file.read_bytes()).decode()}"


def _is_photograph(picture: Image.Image) -> bool:
    return not _is_seen_through(picture) and picture.getcolors(MANY_COLOURS) is None


def _is_seen_through(picture: Image.Image) -> bool:
    lowest, _ = picture.getchannel("A").getextrema()
    return bool(lowest != 255)


def _saved(picture: Image.Image, file: Path, *, is_photograph: bool) -> Path:
    if not is_photograph:
        file = file.with_suffix(".png")
        (picture if _is_seen_through(picture) else picture.convert("RGB")).save(file)
        return file
    file = file.with_suffix(".jpg")
    ground = Image.new("RGB", picture.size, WHITE)
    ground.paste(picture, mask=picture.getchannel("A"))
    ground.save(file, quality=88, subsampling=0)
    return file


def _view_box(svg: bytes) -> tuple[float, float]:
    _, _, width, height = svg.partition(b'viewBox="')[2].partition(b'"')[0].split()
    return float(width), float(height)
