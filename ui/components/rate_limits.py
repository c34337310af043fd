"""Settings' rate limits: how much mail, how many posts and calls go out in a time."""

from collections.abc import Sequence
from functools import partial

from engine.budgets.limiting import RateLimitView
from engine.budgets.ways import span_words
from engine.errors import FieldError, InvalidInput
from engine.faults import shown
from models.rights import Right
from ui.components.dialogs import confirm
from ui.components.form_dialog import FormDialog, Values
from ui.components.node import Node, button
from ui.components.redrawn import Redrawn
from ui.components.toasts import tell
from ui.layout import Shell

WAYS = {
    "mail": "All mail",
    "mail:": "Mail to one domain",
    "mail:*": "Mail to each domain",
    "channel:": "Posts on one channel",
    "channel:*": "Posts on each channel",
    "host:": "Calls of one host",
    "host:*": "Calls of each host",
}
SPANS = {60: "A minute", 3600: "An hour", 86_400: "A day"}


class RateLimits:
    """A row a limit."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        self._may_set = Right.ADMINISTER in shell.rights
        with Node("div", "", "panel-head limits-head"):
            Node("h3", "Rate limits")
            if self._may_set:
                button("Set a limit", "", "speed").on_press(self._add)
        told = "What is over a limit is spread, not refused: each job gets its turn, and its card says when."
        Node("p", told, "muted budget-intro")
        self._list = Redrawn("")

    def show(self, limits: Sequence[RateLimitView]) -> None:
        """Bring the rows up to date."""
        self._list.show(list(limits), partial(self._draw, limits))

    def _draw(self, limits: Sequence[RateLimitView]) -> None:
        if not limits:
            Node("p", "There is no limit: mail, posts and calls go out as fast as their jobs run.", "muted")
        for view in limits:
            with Node("div", "", "list-row", data_limit=view.key, role="group", aria_label=view.what):
                with Node("div", "", "grow"):
                    Node("strong", view.what)
                    at_once = f", {view.burst:,} of them at once" if view.burst > 1 else ""
                    Node("span", f"At most {view.count:,} {span_words(view.per_seconds)}{at_once}", "muted")
                if self._may_set:
                    change = button("Change", aria_label=f"Change the limit of {view.what}")
                    change.on_press(partial(self._change, view))
                    remove = button("Remove", aria_label=f"Remove the limit of {view.what}")
                    remove.on_press(partial(self._ask_remove, view))

    def _add(self) -> None:
        async def put(values: Values) -> None:
            way = str(values["way"])
            key = f"{way}{(values['name'] or '').strip()}" if way.endswith(":") else way
            await self._put(key, values, in_place_of_key="name")

        form = FormDialog("Set a rate limit", "Set limit", put)
        form.choice("way", "Limits", WAYS, "mail")
        form.text("name", "Domain, channel or host", help_text="Only where one is limited, as example.org")
        _numbers(form, 60, 3600, None)
        form.open()

    def _change(self, view: RateLimitView) -> None:
        form = FormDialog(view.what, "Change limit", partial(self._put, view.key))
        _numbers(form, view.count, view.per_seconds, view.burst)
        form.open()

    async def _put(self, key: str, values: Values, in_place_of_key: str = "key") -> None:
        count, burst = _whole("count", values["count"]), _whole("burst", values["burst"] or None)
        try:
            await self._shell.desk.put_rate_limit(key, count or 0, int(values["per_seconds"]), burst)
        except InvalidInput as error:
            faults = {fault.field: fault.message for fault in error.errors}
            if told := faults.pop("key", ""):
                name = key.partition(":")[2]
                faults[in_place_of_key] = told if name else "name must say which domain, channel or host is limited"
            raise InvalidInput([FieldError(*fault) for fault in faults.items()]) from None

    def _ask_remove(self, view: RateLimitView) -> None:
        async def remove() -> None:
            await tell(self._shell.desk.remove_rate_limit(view.key), "The limit is removed")

        said = "Jobs that wait for their turn because of it go out at once."
        confirm(f"Remove {view.words}?", [said], "Remove limit", "Keep limit", remove)


def _numbers(form: FormDialog, count: int, per_seconds: int, burst: int | None) -> None:
    form.text("count", "At most", value=f"{count:,}")
    spans = SPANS if per_seconds in SPANS else {**SPANS, per_seconds: span_words(per_seconds).capitalize()}
    form.choice("per_seconds", "In", spans, per_seconds)
    help_text = "So many may go at once, and the others evenly after them; a tenth if left empty"
    form.text("burst", "At once", value=f"{burst:,}" if burst else "", help_text=help_text)


def _whole(field: str, text: str | None) -> int | None:
    digits = (text or "").replace(",", "").strip()
    if text is None or digits.isdecimal():
        return int(digits) if digits else None
    raise InvalidInput([FieldError(field, f"{field} must be a whole number, not {shown(text)}")])
