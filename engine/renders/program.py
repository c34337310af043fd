"""What every render program does: read its work, tell how far it is, and say in a sentence why it cannot go on.

Run as `python -m engine.renders.program NAME WORK.json`; speaks JSON, one object a line.
"""

import importlib
import json
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class Fault(Exception):
    """The work cannot be done; the message is a sentence for a person."""


@dataclass(frozen=True)
class Work:
    """What is to be done. `own` is a folder that is gone afterwards, what lies in `made` is kept with the job."""

    asked: dict[str, Any]
    own: Path
    made: Path
    threads: int

    def progress(self, percent: float) -> None:
        """Tell how far the work is, 0 to 100."""
        _say({"progress": round(percent, 1)})

    def log(self, text: str) -> None:
        """Add a line to the attempt's log."""
        _say({"log": text})


def main(name: str, file: str) -> int:
    """Run the program of this name; its `run` gets the work and returns what it made."""
    asked = json.loads(Path(file).read_text())
    work = Work(asked, Path(asked.pop("own")), Path(asked.pop("made")), int(asked.pop("threads")))
    try:
        result = importlib.import_module(f"engine.renders.{name}").run(work)
    except Fault as fault:
        _say({"fault": str(fault)})
        return 1
    except MemoryError:
        _say({"fault": "There is not enough memory for this"})
        return 1
    except OSError as error:
        _say({"fault": f"A file cannot be read or written: {error}"})
        return 1
    finally:
        shutil.rmtree(work.own, ignore_errors=True)
    _say({"result": result})
    return 0


def _say(told: dict[str, Any]) -> None:
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    from engine.renders import program  # the one that the programs import, whose Fault is theirs

    sys.exit(program.main(*sys.argv[1:]))
