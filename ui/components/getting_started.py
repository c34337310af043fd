"""What an empty installation shows: the way in, with what is done already."""

from collections.abc import Sequence
from dataclasses import dataclass

from engine.views import AgentView, ChannelView
from models.rights import Right
from ui.components.node import Node
from ui.present import Rights

BUILT_IN = "feed"


@dataclass(frozen=True)
class Step:
    """One step: what it is in a sentence, and where it is taken, which takes a right."""

    key: str
    title: str
    what: str
    verb: str
    href: str
    icon: str
    right: Right


STEPS = (
    Step(
        "job",
        "Create a job",
        "A job is one piece of work for Atlas: an e-mail to send, a post to publish, a film to render.",
        "New Job",
        "/app/jobs?new=EMAIL_SEND",
        "add",
        Right.OPERATE,
    ),
    Step(
        "channel",
        "Connect a channel",
        "A channel is a way out into the world. Until there is one, mail stays in the outbox and posts go to this "
        "installation's own feed.",
        "Open Settings",
        "/app/settings#channels",
        "hub",
        Right.ADMINISTER,
    ),
    Step(
        "agent",
        "Connect an agent",
        "An agent is a program of yours that creates jobs, or does them, by REST or MCP. It signs in with a token.",
        "Make a token",
        "/app/settings#tokens",
        "smart_toy",
        Right.ADMINISTER,
    ),
)


class GettingStarted:
    """Three steps; each is ticked as soon as it is done."""

    def __init__(self, rights: Rights) -> None:
        self._steps: dict[str, tuple[Node, Node]] = {}
        with Node("section", "", "panel start", aria_label="Getting started") as self.root:
            Node("h2", "Getting started")
            Node("p", "Nothing has been done here yet. These three steps put your AI workforce to work.", "muted")
            with Node("ol", "", "start-steps"):
                for number, step in enumerate(STEPS, 1):
                    self._steps[step.key] = self._draw(number, step, may=step.right in rights)

    def show(self, done: set[str]) -> None:
        """Tick the steps that are done."""
        for key, (root, word) in self._steps.items():
            root.change(classes="start-step done" if key in done else "start-step")
            word.change(hidden=None if key in done else True)

    def _draw(self, number: int, step: Step, *, may: bool) -> tuple[Node, Node]:
        with Node("li", "", "start-step") as root:
            Node("span", str(number), "start-number", aria_hidden="true")
            with Node("div", "", "start-what"):
                with Node("div", "", "start-title"):
                    Node("h3", step.title)
                    done = Node("span", "Done", "badge tone-completed", data_icon="check_circle", hidden=True)
                Node("p", step.what, "muted")
            if may:
                kind = "button primary" if number == 1 else "button"
                Node("a", step.verb, kind, href=step.href, data_icon=step.icon)
        return root, done


def steps_done(channels: Sequence[ChannelView], agents: Sequence[AgentView], *, has_mail_server: bool) -> set[str]:
    """Of an installation without a job."""
    done = set()
    if has_mail_server or any(channel.kind != BUILT_IN for channel in channels):
        done.add("channel")
    if agents:
        done.add("agent")
    return done
