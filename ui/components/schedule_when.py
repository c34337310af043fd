"""When a schedule is to start: again and again or once, in which zone, with the next times told while one types."""

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any, Literal
from zoneinfo import ZoneInfo

from nicegui import ui

from engine import clock
from engine.errors import FieldError, InvalidInput
from engine.faults import shown
from engine.schedules.cron import time_zones
from engine.schedules.views import Coming, ScheduleView
from ui.components.fields import Label, labelled
from ui.components.keyboard import give_keyboard
from ui.components.marks import time_node
from ui.components.node import Node
from ui.components.redrawn import Redrawn
from ui.components.segments import Segments
from ui.layout import Shell

Kind = Literal["cron", "at"]
KINDS: dict[Kind, str] = {"cron": "Again and again", "at": "Once"}
USUAL = {
    "Every hour": "0 * * * *",
    "Every day": "0 9 * * *",
    "Every weekday": "0 9 * * MON-FRI",
    "Every Monday": "0 9 * * MON",
    "Every month": "0 9 1 * *",
}
BROWSERS_ZONE = "Intl.DateTimeFormat().resolvedOptions().timeZone"


class When:
    """The fields, and beneath them the next runs."""

    def __init__(self, shell: Shell, begun: ScheduleView | None, zone: str) -> None:
        self._shell = shell
        self._kind: Kind = "at" if begun and begun.cron is None else "cron"
        with Node("div", "", "form-field"):
            Node("div", "Starts", "label")
            self._kinds: Segments[Kind] = Segments("Starts", KINDS, self._choose)
        with labelled("Cron expression", help_text=_help()) as self._cron_label:
            self._cron = _text(begun.cron if begun and begun.cron else "0 9 * * MON-FRI", self._cron_label)
            self._cron.classes("mono-field")
            with Node("div", "", "chips usual-times"):
                for words, expression in USUAL.items():
                    Node("button", words, "chip", type="button").on_press(partial(self._cron.set_value, expression))
        with labelled("Date and time") as self._at_label:
            moment = begun.at.astimezone(ZoneInfo(zone)) if begun and begun.at else None
            self._at = _text(f"{moment:%Y-%m-%dT%H:%M}" if moment else "", self._at_label)
            self._at.props("type=datetime-local")
        self._begun_at = (self._at.value, zone, begun.at if begun else None)
        with labelled("Time zone", help_text="Type to search, as in Berlin") as self._zone_label:
            zones = sorted(time_zones() | {zone})
            self._zone = ui.select(zones, value=zone, with_input=True)
            self._zone.props(f"outlined dense for={self._zone_label.target} popup-content-class=type-menu")
        with Node("div", "", "coming", role="status", aria_label="Next runs"):
            self._coming = Redrawn("")
        for node in (self._cron, self._at, self._zone):
            node.on_value_change(lambda _: self._tell())
        self._choose(self._kind)

    def entered(self) -> dict[str, Any]:
        """What says when, as a wish has it.

        Raises:
            InvalidInput: the moment cannot be read.
        """
        zone = self._zone.value or ""
        if self._kind == "cron":
            return {"cron": (self._cron.value or "").strip(), "time_zone": zone, "at": None}
        return {"cron": None, "time_zone": zone, "at": self._moment(zone)}

    def show_faults(self, faults: Mapping[str, str]) -> dict[str, str]:
        """Write each fault at its field; returns those of other fields."""
        left = dict(faults)
        for name, label in (("cron", self._cron_label), ("at", self._at_label), ("time_zone", self._zone_label)):
            show_fault(label, left.pop(name, ""))
        return left

    def focus_fault(self) -> bool:
        """Move the keyboard to the first faulty field; False if none is."""
        fields = ((self._cron_label, self._cron), (self._at_label, self._at), (self._zone_label, self._zone))
        faulty = [node for label, node in fields if label.fault.text]
        if faulty:
            give_keyboard(faulty[0])
        return bool(faulty)

    def _choose(self, kind: Kind) -> None:
        self._kind = kind
        self._kinds.show(kind)
        self._cron_label.root.change(hidden=None if kind == "cron" else True)
        self._at_label.root.change(hidden=None if kind == "at" else True)
        self._tell()

    def _moment(self, zone: str) -> datetime:
        text = self._at.value or ""
        if (text, zone) == self._begun_at[:2] and self._begun_at[2]:
            return self._begun_at[2]  # with its seconds, which the field does not show
        try:
            return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))
        except ValueError:
            raise InvalidInput([FieldError("at", f"at must be a date and a time, not {shown(text)}")]) from None

    def _tell(self) -> None:
        """The next runs, or at the field why there are none."""
        try:
            coming = self._shell.atlas.schedule_queries.coming(**self.entered())
        except InvalidInput as error:
            is_empty = self._kind == "at" and not self._at.value
            self.show_faults({} if is_empty else {each.field: each.message for each in error.errors})
            self._coming.show(None, lambda: None)
            return
        self.show_faults({})
        self._coming.show(coming, partial(_draw, coming, self._zone.value))


def show_fault(label: Label, text: str) -> None:
    """Write the fault at a field, or clear it."""
    label.root.change(classes="form-field faulty" if text else "form-field")
    label.fault.change(text=text)


def _text(value: str, label: Label) -> ui.input:
    return ui.input(value=value).props(f"outlined dense for={label.target} autocomplete=off debounce=200")


def _draw(coming: Coming, zone: str) -> None:
    Node("strong", coming.words)
    with Node("ul"):
        for moment in coming.times:
            with Node("li"):
                Node("span", f"{moment.astimezone(ZoneInfo(zone)):%a %-d %b %Y, %H:%M}")
                time_node(moment, clock.now()).classes("muted")


def _help() -> str:
    return "Minute, hour, day, month, weekday; or @hourly, @daily, @weekly, @monthly"
