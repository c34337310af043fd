"""What only a person can settle: "Did it go out?", and a job that was set aside because engines died."""

from functools import partial

from engine.views import EffectView, JobView
from models.states import POISONOUS, Move
from ui.components.moves import press, resolve
from ui.components.node import Node, button
from ui.components.payload import show_payload
from ui.layout import Shell
from ui.present import actions, may


def draw_question(shell: Shell, job: JobView, effects: list[EffectView]) -> None:
    """The evidence, and both answers; nothing for a job of which nobody has to say."""
    if Move.RESOLVE not in job.allowed:
        return
    with Node("section", "", "question", aria_label="Did it go out?"):
        Node("h2", "Did it go out?")
        told = f"{(job.error or '').rstrip('.')}. Only the receiving side knows, so it is not repeated by itself."
        Node("p", told, "text-block")
        sending = [effect for effect in effects if effect.phase == "sending"]
        in_question = sending or [effect for effect in effects if effect.phase == "failed"]
        for effect in in_question:
            begun = f"{effect.started_at:%Y-%m-%d %H:%M:%S} UTC"
            show_payload({"to": effect.target, "begun": begun, **effect.identity})
            if len(sending) > 1:
                _draw_answers(shell, job, effect.target)
        if len(sending) < 2:
            _draw_answers(shell, job)


def draw_set_aside(shell: Shell, job: JobView) -> None:
    """Why, and what may be done; nothing for a job that was not set aside."""
    if job.outcome != POISONOUS:
        return
    with Node("section", "", "question", aria_label="Set aside"):
        Node("h2", "Set aside")
        Node("p", job.error or "Engines kept dying while they ran it.", "text-block")
        with Node("div", "", "buttons"):
            for action in actions(job, shell.rights):
                pressed = button(action.label, "", action.icon)
                pressed.on_press(partial(press, shell, job, action), single=True)


def _draw_answers(shell: Shell, job: JobView, target: str | None = None) -> None:
    if not may(shell.rights, Move.RESOLVE):
        return
    where = f" to {target}" if target else ""
    with Node("div", "", "buttons"):
        for label, went_out in (("It went out", True), ("It did not: try again", False)):
            answer = button(label, aria_label=f"{label}{where}")
            answer.on_press(partial(resolve, shell, job, went_out=went_out, target=target))
