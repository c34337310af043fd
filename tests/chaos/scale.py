"""How much chaos: little in the ordinary suite, much when the environment says CHAOS=long."""

import os


def rounds(short: int, long: int) -> int:
    """So many of whatever a test repeats, waits or counts."""
    return long if os.environ.get("CHAOS") == "long" else short
