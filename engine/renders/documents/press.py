"""Typst on a short line: it reads nothing outside its folder, and finds no packages."""

from pathlib import Path
from typing import Any

import typst

from engine.renders.lettering import fonts_folder


def compiler(file: Path) -> typst.Compiler:
    """Typst for this file; its own folder is all that it sees."""
    own = file.parent
    return typst.Compiler(file, root=own, font_paths=[fonts_folder()], package_path=own, package_cache_path=own)


def pages(made: Any) -> list[bytes]:
    """What typst made, a page each; it returns a single page without a list."""
    return made if isinstance(made, list) else [made]
