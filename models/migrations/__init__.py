"""The schema's versions, one file each."""

from pathlib import Path

KNOWN = frozenset(path.stem for path in Path(__file__).parent.glob("[0-9]*.py"))
"""The names of every migration that this version has."""
