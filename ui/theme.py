"""Every colour, class and icon."""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from models.states import Category, Move, Status


@dataclass(frozen=True)
class StatusStyle:
    """How a status looks; its colours are the stylesheet's, under the status word."""

    icon: str


@dataclass(frozen=True)
class Facet:
    """A finer truth beside the status."""

    kind: str
    icon: str
    word: str


@dataclass(frozen=True)
class MoveStyle:
    """A move's button: its name for everybody, and its icon."""

    label: str
    icon: str
    done: str


STATUSES = {
    Status.QUEUED: StatusStyle("schedule"),
    Status.RUNNING: StatusStyle("autorenew"),
    Status.COMPLETED: StatusStyle("check_circle"),
    Status.PAUSED: StatusStyle("pause_circle"),
    Status.FAILED: StatusStyle("error"),
    Status.CANCELLED: StatusStyle("block"),
}

FACETS = {
    "unknown": Facet("unknown", "help", "Outcome unknown"),
    "poisonous": Facet("unknown", "report", "Set aside"),
    "approval": Facet("approval", "front_hand", "Needs approval"),
    "retrying": Facet("retrying", "replay", "Retrying"),
    "scheduled": Facet("scheduled", "event", "Scheduled"),
    "turn": Facet("scheduled", "speed", "Its turn"),
    "undo": Facet("scheduled", "timer", "Goes in"),
    "rejected": Facet("failed", "undo", "Rejected"),
    "pausing": Facet("paused", "pause_circle", "Pausing"),
}

MOVES = {
    Move.PAUSE: MoveStyle("Pause job", "pause", "paused"),
    Move.RESUME: MoveStyle("Resume job", "play_arrow", "resumed"),
    Move.RETRY: MoveStyle("Retry job", "replay", "queued again"),
    Move.RUN_NOW: MoveStyle("Run job now", "bolt", "starts at the engine's next look"),
    Move.CANCEL: MoveStyle("Cancel job", "close", "cancelled"),
    Move.APPROVE: MoveStyle("Approve job", "check", "approved"),
    Move.REJECT: MoveStyle("Reject job", "front_hand", "rejected"),
    Move.REVISE: MoveStyle("Revise job", "edit", "revised"),
    Move.UNDO_APPROVAL: MoveStyle("Undo approval", "undo", "waits for approval again"),
    Move.PRIORITIZE: MoveStyle("Change priority", "low_priority", "has another priority"),
}

CATEGORIES = {
    None: "All",
    Category.VIDEO: "Video",
    Category.ANIMATION: "Animation",
    Category.SOCIAL: "Social",
    Category.DOCUMENT: "Document",
    Category.TASK: "Task",
}

NAVIGATION = (
    ("Dashboard", "/app", "space_dashboard"),
    ("Jobs", "/app/jobs", "work_outline"),
    ("Approvals", "/app/approvals", "front_hand"),
    ("Workflows", "/app/workflows", "account_tree"),
    ("Schedules", "/app/schedules", "event_repeat"),
    ("Knowledge", "/app/kb", "menu_book"),
    ("Agents", "/app/agents", "smart_toy"),
    ("Settings", "/app/settings", "settings"),
)

GO_KEYS = {
    "/app": "g d",
    "/app/jobs": "g j",
    "/app/approvals": "g a",
    "/app/schedules": "g t",
    "/app/agents": "g w",
    "/app/settings": "g s",
    "/app/workflows": "g f",
    "/app/kb": "g k",
}
"""What is typed to go to a page."""

STATIC_FILES = (
    "reset.css",
    "theme.css",
    "theme.js",
    "focus.js",
    "keys.js",
    "matching.js",
    "palette.js",
    "connection.js",
    "arrival.js",
)
_FILES = [Path(__file__).with_name(name).read_bytes() for name in STATIC_FILES]
VERSION = sha256(b"".join(_FILES)).hexdigest()[:12]
"""Changes with the files, so that browsers may keep them for ever."""

HEAD = "".join(
    f'<link rel="stylesheet" href="/static/{name}?v={VERSION}">'
    if name.endswith(".css")
    else f'<script defer src="/static/{name}?v={VERSION}"></script>'
    for name in STATIC_FILES
)

FAVICON = Path(__file__).with_name("favicon.svg")
