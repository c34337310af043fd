"""Which version this is."""

from functools import cache
from pathlib import Path


@cache
def version() -> str:
    """As in the project's own file; 0 where that is missing."""
    project = Path(__file__).parents[1] / "pyproject.toml"
    lines = project.read_text().splitlines() if project.exists() else []
    return next((line.split('"')[1] for line in lines if line.startswith("version = ")), "0")
