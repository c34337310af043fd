"""AGENT_TASK with a scripted model: what it is told, what it may do, what ends it, and what is left of its work."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from engine import llm
from engine.engine import Atlas
from engine.errors import InvalidInput
from engine.jobs import agent_task, agent_tools
from engine.jobs.agent_task import AgentTask
from engine.jobs.email_send import EmailSend
from engine.jobs.webhook_call import WebhookCall
from engine.knowledge import Text, publish
from engine.retry import RetryPolicy
from engine.settings import Settings
from engine.storage import open_storage
from engine.storage.named import find_file
from engine.views import JobView
from models.attempt import LogLine
from models.defined_type import DefinedType
from models.ending import Lease
from models.job import Job
from models.states import Status
from tests.servers.http import FakeServer, Reply, Request
from tests.servers.llm import PATH, LlmServer
from tests.support.engine import changed, running, stored_job, submitted, until, until_status

pytestmark = [pytest.mark.usefixtures("database"), pytest.mark.either]

KEY = "sk-a-key-that-nobody-may-see"
MAIL = {"to": "ada@example.org", "subject": "Numbers", "body": "They are up"}
GOAL = {"goal": "Tell Ada about the numbers"}


class QuickAgent(AgentTask):
    """Tries again at once."""

    retry = RetryPolicy(attempts=3, base=0.01)


class Site(FakeServer):
    """Pages by path; /on/<n> sends on n times."""

    pages: dict[str, Reply]

    @property
    def connections(self) -> int:
        return len(self._listener._open)

    def answer(self, request: Request) -> Reply:
        if request.path.startswith("/on/"):
            left = int(request.path.removeprefix("/on/"))
            return Reply(status=302, headers={"Location": f"/on/{left - 1}" if left else "/"})
        return self.pages.get(request.path, Reply({}, 404))


@pytest.fixture
def server() -> Iterator[LlmServer]:
    with LlmServer() as running_server:
        yield running_server


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as running_site:
        running_site.pages = {"/": page("<h1>Numbers</h1><p>Up by <b>7 %</b> &amp; more")}
        yield running_site


def page(html: str, kind: str = "text/html; charset=utf-8") -> Reply:
    return Reply(body=html.encode(), headers={"Content-Type": kind})


def through(server: LlmServer, settings: Settings, **more: Any) -> Settings:
    return changed(settings, **{"llm_url": server.endpoint, "llm_model": "test-model", **more})


@asynccontextmanager
async def working(settings: Settings) -> AsyncIterator[Atlas]:
    async with running(settings, QuickAgent(), EmailSend(), WebhookCall()) as atlas:
        yield atlas


@dataclass(frozen=True)
class Worked:
    """A job that is over, the lines of its log, the jobs that came of it, and its transcript."""

    view: JobView
    log: list[str]
    made: list[Job]
    transcript: str

    @property
    def result(self) -> dict[str, Any]:
        return self.view.result or {}

    @property
    def error(self) -> str:
        return self.view.error or ""


async def worked(settings: Settings, status: Status = Status.COMPLETED, **payload: Any) -> Worked:
    """The job, once it has come to this status."""
    async with working(settings) as atlas:
        job_id = await submitted(atlas, "AGENT_TASK", {**GOAL, **payload})
        return await all_of(await until_status(atlas, job_id, status), settings)


async def all_of(job: JobView, settings: Settings) -> Worked:
    log = [line.text for line in await LogLine.filter(job_id=job.id).order_by("id")]
    made = await Job.filter(id__gt=job.id).order_by("id")
    storage = open_storage(settings)
    file = await find_file(storage, job.id, job.attempt, "transcript.md")
    content = await storage.get(file.key) if file else None
    return Worked(job, log, made, (content or b"").decode())


async def test_an_agent_reads_a_page_submits_a_job_and_answers(
    settings: Settings, server: LlmServer, site: Site
) -> None:
    server.says("I look at the numbers.", calls=[("fetch_page", {"url": site.url})], usage=(1000, 50))
    asked = {"type": "EMAIL_SEND", "payload": MAIL, "name": "Tell Ada", "priority": "high"}
    server.says(calls=[("submit_job", asked)], usage=(1200, 80))
    server.says("# Ada is told\n\nThe numbers are **up**.", usage=(1400, 40))
    priced = through(server, settings, llm_input_price=2, llm_output_price=10)
    job = await worked(priced, name="Numbers agent", tools=["fetch_page", "submit_job"], job_types=["EMAIL_SEND"])
    (mail,) = job.made
    assert job.result == {
        "message": "Ada is told",
        "answer": "# Ada is told\n\nThe numbers are **up**.",
        "steps": 3,
        "tokens": {"input": 3600, "output": 170},
        "cost": 0.0089,
        "jobs": [mail.id],
        "files": ["transcript.md"],
    }
    assert (mail.type, mail.name, mail.payload["to"]) == ("EMAIL_SEND", "Tell Ada", ["ada@example.org"])
    assert (mail.created_by, mail.approval, mail.status) == (
        f"Numbers agent (job {job.view.id})",
        "pending",
        Status.QUEUED,
    )
    assert AgentTask().result_line(job.result).text == "Ada is told · submitted 1 job"
    assert job.view.summary == "Numbers agent · Tell Ada about the numbers"
    system, goal = server.bodies[0]["messages"]
    assert "You are Numbers agent" in system["content"]
    assert goal["content"] == GOAL["goal"]
    assert server.bodies[2]["messages"][:2] == [system, goal], "every step is told them"
    read, answered = server.results()
    assert read.endswith("Numbers\n\nUp by 7 % & more")
    assert answered == f"Job {mail.id} (EMAIL_SEND) is submitted and waits for a person's approval"


async def test_each_step_is_told_in_the_log_and_in_full_in_the_transcript(
    settings: Settings, server: LlmServer, site: Site
) -> None:
    site.pages["/"] = page("<p>" + "many words " * 200 + "```")
    server.says("I look.\n\nNow.", calls=[("fetch_page", {"url": site.url})])
    server.says("Read it.")
    job = await worked(through(server, settings), tools="fetch_page", max_steps=5)
    lines = job.log
    assert lines[:4] == [
        "Step 1 of 5",
        "The model says: I look. Now.",
        f'Calls fetch_page: {{"url": "{site.url}"}}',
        lines[3],
    ]
    assert lines[3].startswith(f"fetch_page answers: {site.url}, text/html.")
    assert len(lines[3]) <= 501
    assert lines[4:] == ["Step 2 of 5", "The model says: Read it."]
    text = job.transcript
    assert text.startswith(
        "# Agent\n\nModel: test-model\n\n## Goal\n\nTell Ada about the numbers\n\n## Step 1\n\nI look."
    )
    assert "many words " * 199 in text
    assert "\n````\n" in text, "what is quoted cannot end its block"
    assert text.endswith("## Answer\n\nRead it.\n")


async def test_without_tools_the_model_is_offered_none_and_with_them_only_what_was_granted(
    settings: Settings, server: LlmServer
) -> None:
    server.says("Done")
    await worked(through(server, settings))
    server.says("Done")
    await worked(through(server, settings), tools=["search_knowledge", "search_knowledge", "submit_job"])
    assert "tools" not in server.bodies[0]
    names = [tool["function"]["name"] for tool in server.bodies[1]["tools"]]
    assert names == ["search_knowledge", "read_article", "submit_job"]


async def test_the_model_is_told_the_types_that_it_may_submit_with_their_schemas(
    settings: Settings, server: LlmServer
) -> None:
    await DefinedType.create(
        key="TRANSLATE", label="Translate", icon="translate", category="task", irreversible=False, attempts=1,
        time_limit_seconds=60, payload_schema='{"type": "object", "required": ["text"]}', created_by="ada",
        created_at=(await stored_job()).created_at, description="Translate a text",
    )  # fmt: skip
    for types in ([], ["EMAIL_SEND", "TRANSLATE"]):
        server.says("Done")
        await worked(through(server, settings), tools=["submit_job"], job_types=types)
    every, chosen = (body["tools"][0]["function"]["description"] for body in server.bodies)
    assert "\nVIDEO_RENDER: " in every
    assert "AGENT_TASK" not in every
    _, mail, translate = chosen.splitlines()
    assert mail.startswith("EMAIL_SEND: Send an email through the platform. {")
    schema = json.loads(mail.partition(". ")[2])
    assert schema["required"] == ["to", "subject", "body"]
    assert schema["properties"]["subject"] == {"maxLength": 300, "minLength": 1, "type": "string"}
    assert "title" not in schema["properties"]["body"]
    assert translate == 'TRANSLATE: Translate a text. {"type":"object","required":["text"]}'


async def test_a_refusal_comes_back_to_the_model_which_may_do_better(settings: Settings, server: LlmServer) -> None:
    for payload in ({**MAIL, "to": "ada"}, json.dumps(MAIL)):
        server.says(calls=[("submit_job", {"type": "EMAIL_SEND", "payload": payload})])
    server.says("Sent")
    job = await worked(through(server, settings), tools=["submit_job"], needs_approval=False)
    (mail,) = job.made
    assert (mail.approval, job.result["jobs"]) == ("pending", [mail.id])
    refused, done = server.results()
    assert refused.startswith("Refused, nothing was submitted:\n- payload.to.0: Recipient 1 must be an e-mail address")
    assert done == f"Job {mail.id} (EMAIL_SEND) is submitted and waits for a person's approval", "the policy asks"


@pytest.mark.parametrize("key", ["WEBHOOK_CALL", "AGENT_TASK", "NOPE"])
async def test_no_other_type_can_be_submitted_least_of_all_another_agent(
    settings: Settings, server: LlmServer, key: str
) -> None:
    server.says(calls=[("submit_job", {"type": key, "payload": GOAL})])
    server.says("I cannot")
    job = await worked(through(server, settings), tools=["submit_job"], job_types=["EMAIL_SEND"])
    assert server.results() == [f"Refused: type must be one of EMAIL_SEND, not '{key}'"]
    assert job.made == []


async def test_the_knowledge_base_is_searched_and_read(settings: Settings, server: LlmServer) -> None:
    writer = await stored_job(status=Status.RUNNING, attempt=1, lease_token="t")
    text = Text("tone", "Tone of voice", [], "# Tone\n\nWe are **brief**.", "We are brief.")
    await publish(Lease(writer.id, writer.attempt, str(writer.lease_token)), text)
    for call in (
        ("search_knowledge", {"text": "brief"}),
        ("search_knowledge", {"text": "verbose"}),
        ("read_article", {"slug": "tone"}),
        ("read_article", {"slug": "nope"}),
    ):
        server.says(calls=[call])
    server.says("Be brief")
    await worked(through(server, settings), tools=["search_knowledge"])
    found, nothing, read, unknown = server.results()
    assert found.endswith("- tone: Tone of voice — We are brief.")
    assert nothing == "No article has all of these words: verbose. Try fewer or other ones"
    assert read.endswith("# Tone of voice\n\n# Tone\n\nWe are **brief**.")
    assert unknown == "Refused: there is no article nope; search for it first"


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/on/4", "Numbers"),
        ("/on/5", "is not read: the page was sent on more than 5 times"),
        ("/gone", "answered 404 Not Found"),
        ("/\ud800", "answered 404 Not Found"),
        ("/picture", "is image/png, which is no text"),
        ("/plain", "a < b"),
        ("/latin", "Grüße"),
        ("/away", "'ftp://example.org' is no address of the web"),
    ],
)
async def test_a_page_is_read_if_it_is_text_and_not_too_far_away(
    settings: Settings, site: Site, path: str, answer: str
) -> None:
    site.pages |= {
        "/picture": page("PNG", "image/png"),
        "/plain": page("a < b", "text/plain"),
        "/latin": Reply(body="Grüße".encode("latin-1"), headers={"Content-Type": "text/plain; charset=ISO-8859-1"}),
        "/away": Reply(status=302, headers={"Location": "ftp://example.org"}),
    }
    assert answer in await agent_tools.page(f"{site.url}{path}", settings)


async def test_of_a_long_page_the_beginning_is_told(settings: Settings, site: Site) -> None:
    site.pages["/"] = page("<p>begin</p>" + "word " * 400_000, "text/html")
    read = await agent_tools.page(site.url, settings)
    assert "begin\nword word" in read
    assert read.endswith("\n\n(cut here; it has more)")
    assert len(read) < agent_tools.MAX_TEXT + 300


async def test_our_own_network_is_not_read_not_even_after_a_redirect(settings: Settings, site: Site) -> None:
    guarded = changed(settings, host="0.0.0.0")
    told_no = await agent_tools.page(site.url, guarded)
    assert "127.0.0.1 is 127.0.0.1, an address of a private network" in told_no
    assert site.requests == []
    site.pages["/"] = Reply(status=302, headers={"Location": f"http://127.0.0.1:{site.port}/inside"})
    by_name = changed(settings, host="0.0.0.0", allow_private_urls="localhost")
    told_no = await agent_tools.page(f"http://localhost:{site.port}/", by_name)
    assert told_no.startswith(f"http://127.0.0.1:{site.port}/inside is not asked: ")
    assert [request.path for request in site.requests] == ["/"]


def test_a_page_is_read_as_people_see_it() -> None:
    html = """<!doctype html><html><head><title>The page &amp; more</title><style>p {}</style>
    <script>write("<p>no</p>")</script></head><body><ul><li>One<li>Two</ul><h1>Head
    line</h1><p>Some <b>bold</b>&nbsp;text<br>next</p><noscript>no</noscript><pre>a  b
c</pre><table><tr><td>x<td>y</table>tail &lt"""
    lines = [line for line in agent_tools.plain_text(html).splitlines() if line]
    assert lines == [
        "The page & more",
        "- One",
        "- Two",
        "Head line",
        "Some bold text",
        "next",
        "a b",
        "c",
        "x",
        "y",
        "tail <",
    ]


@pytest.mark.parametrize("slow", ["<!--", "<a ", "</a", "<?", "<![CDATA[", '<a x="', "<script></scrip"])
def test_a_page_that_is_made_to_be_slow_to_read_is_read_no_longer_than_it_may(
    slow: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent_tools, "READ_SECONDS", 0.05)
    assert len(agent_tools.plain_text(slow * (1_000_000 // len(slow)))) < 100


@pytest.mark.parametrize(
    ("payload", "field", "fault"),
    [
        ({"goal": " \n"}, "payload.goal", "Goal must not be empty"),
        ({"goal": "x" * 10_001}, "payload.goal", "Goal must have at most 10,000 characters, not 10,001"),
        ({"tools": ["hack"]}, "payload.tools.0", f"Tools 1 must be one of {', '.join(agent_tools.TOOLS)}, not 'hack'"),
        ({"job_types": ["AGENT_TASK"]}, "payload.job_types", "Job types must not name AGENT_TASK: an agent"),
        ({"job_types": ["NOPE"]}, "payload.job_types", "Job types must each be one of EMAIL_SEND, "),
        ({"max_steps": 51}, "payload.max_steps", "Most steps must be 50 or less, not 51"),
        ({"max_tokens": 0}, "payload.max_tokens", "Most tokens must be 1 or more, not 0"),
        ({"max_minutes": 121}, "payload.max_minutes", "Most minutes must be 120 or less, not 121"),
        ({"name": "a\nb"}, "payload.name", "Name must"),
        ({"max_cost": 0.5}, "payload.max_cost", "Most cost needs prices: set JOB_RUNNER_LLM_INPUT_PRICE and"),
    ],
)
async def test_what_cannot_be_is_refused_at_once(
    settings: Settings, server: LlmServer, payload: dict[str, Any], field: str, fault: str
) -> None:
    async with working(through(server, settings)) as atlas:
        with pytest.raises(InvalidInput) as caught:
            await submitted(atlas, "AGENT_TASK", {**GOAL, **payload})
    (error,) = caught.value.errors
    assert (error.field, error.message[: len(fault)]) == (field, fault)


async def test_without_an_endpoint_no_agent_can_be_asked_for_and_one_that_waited_says_why(
    settings: Settings, server: LlmServer
) -> None:
    said = "No language model is connected: set JOB_RUNNER_LLM_URL and JOB_RUNNER_LLM_MODEL"
    async with working(settings) as atlas:
        with pytest.raises(InvalidInput) as caught:
            await submitted(atlas, "AGENT_TASK", GOAL)
        assert str(caught.value) == said
        waited = await stored_job(type="AGENT_TASK", payload=GOAL)
        assert (await until_status(atlas, waited.id, Status.FAILED)).error == said


@pytest.mark.parametrize(
    ("limits", "budget", "steps"),
    [
        ({"max_steps": 2}, "2 steps", 2),
        ({"max_tokens": 200}, "200 tokens", 2),
        ({"max_cost": 0.0005}, "a cost of 0.0005", 2),
    ],
)
async def test_a_budget_ends_it_and_says_which_one_and_what_was_done(
    settings: Settings, server: LlmServer, limits: dict[str, Any], budget: str, steps: int
) -> None:
    server.says(calls=[("submit_job", {"type": "EMAIL_SEND", "payload": MAIL})], usage=(100, 20))
    server.says("Hm", calls=[("submit_job", {"type": "EMAIL_SEND", "payload": {**MAIL, "subject": "Never"}})])
    priced = through(server, settings, llm_input_price=1, llm_output_price=10)
    job = await worked(priced, Status.FAILED, tools=["submit_job"], **limits)
    (mail,) = job.made
    told_why = re.sub(r" \d+ s\.", " 0 s.", job.error)  # however busy this machine is
    assert told_why == (
        f"The agent has used up its budget, {budget}, without an answer. It took 2 steps, 240 tokens, "
        f"a cost of 0.0006, 0 s. It had called submit_job 1 time, and submitted job {mail.id}"
    )
    assert job.view.attempt == 1
    assert (job.result["jobs"], job.result["steps"], job.result["cost"]) == ([mail.id], steps, 0.0006)
    assert job.transcript.endswith(f"## Stopped\n\n{job.error}\n")


async def test_before_the_last_step_the_model_is_told_to_answer(settings: Settings, server: LlmServer) -> None:
    server.says(calls=[("search_knowledge", {"text": "a"})])
    server.says("Nothing found")
    job = await worked(through(server, settings), tools=["search_knowledge"], max_steps=2)
    (found,) = server.results()
    assert found.endswith("(Your next step is the last one: call no tool in it, answer.)")
    assert job.result["message"] == "Nothing found"


async def test_time_ends_it_though_the_endpoint_hangs(
    settings: Settings, server: LlmServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await llm.load()
    monkeypatch.setattr(agent_task, "MINUTE", 10.0)
    server.says("I think about", ending="hang")
    job = await worked(through(server, settings), Status.FAILED, max_minutes=0.1)
    assert job.error.startswith("The agent has used up its budget, 0.1 minutes, without an answer. It took 1 step,")


async def test_an_endpoint_that_does_not_count_is_counted_about(settings: Settings, server: LlmServer) -> None:
    server.says("x" * 400, usage=None)
    job = await worked(through(server, settings))
    assert job.result["tokens"] == {"input": len(GOAL["goal"]) // 4, "output": 100}
    server.says("y" * 400, usage=None, calls=[("nothing", {})])
    job = await worked(through(server, settings), Status.FAILED, max_tokens=100)
    assert "It took 1 step, about 106 tokens" in job.error


async def test_an_answer_that_goes_on_and_on_is_cut_off_by_the_budget(settings: Settings, server: LlmServer) -> None:
    server.says("word " * 500, ending="hang")
    job = await worked(through(server, settings), Status.FAILED, max_tokens=100)
    assert "used up its budget, 100 tokens, without an answer. It took 1 step, about 256 tokens" in job.error
    await asyncio.to_thread(server.wait_until_left)


async def test_an_answer_that_the_endpoint_cut_off_says_so(settings: Settings, server: LlmServer) -> None:
    server.says("The first half", finish="length")
    job = await worked(through(server, settings))
    assert job.result["answer"].endswith("(The endpoint has cut the answer off here, at its own limit.)")


async def test_half_characters_and_an_overlong_answer_do_no_harm(
    settings: Settings, server: LlmServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent_task, "MAX_ANSWER", 40)
    server.says("Hm \ud800", calls=[("read_article", {"slug": "a\ud800\0"}), ("read_article", '"\ud800"')])
    server.says("<think>So</think>Found \0" + "it. " * 20)
    job = await worked(through(server, settings), tools=["search_knowledge"])
    assert job.result["answer"] == f"Found {'it. ' * 8}it\n\n(Cut here; transcript.md has all of it.)"
    assert "it. " * 19 in job.transcript


async def test_a_model_that_goes_in_circles_is_stopped(settings: Settings, server: LlmServer) -> None:
    for arguments in ('{"text": "a"}', '{ "text":"a" }', '{"text": "a"}'):
        server.says(calls=[("search_knowledge", arguments)])
    job = await worked(through(server, settings), Status.FAILED, tools=["search_knowledge"])
    assert job.error == (
        "The model goes in circles: it called search_knowledge 3 times in a row with the same arguments, "
        '\'{"text": "a"}\''
    )
    assert len(server.results()) == 2, "the third was not made"


@pytest.mark.parametrize(
    ("calls", "fault"),
    [
        ([("search_knowledge", "{nonsense")], "the arguments are not JSON"),
        ([("search_knowledge", {"words": "a"})], "text is required; words is not a field here; the fields are text"),
        ([("launch_rocket", {})], "there is no tool 'launch_rocket'; there are search_knowledge, read_article"),
        ([], "Your answer was empty. Answer in words, or call a tool."),
    ],
)
async def test_nonsense_is_told_back_to_the_model_and_not_for_ever(
    settings: Settings, server: LlmServer, calls: list[Any], fault: str
) -> None:
    server.says(calls=calls)
    server.says("Sorry. I am done")
    job = await worked(through(server, settings), tools=["search_knowledge"])
    assert fault in str(server.bodies[1]["messages"][-1]["content"])
    turns = [message["role"] for message in server.bodies[1]["messages"]]
    assert turns == ["system", "user", "assistant", "tool" if calls else "user"]
    assert job.result["message"] == "Sorry. I am done"
    for number in range(3):
        server.says(calls=[(name, given if isinstance(given, dict) else given + str(number)) for name, given in calls])
    job = await worked(through(server, settings), Status.FAILED, tools=["search_knowledge"])
    assert "goes in circles" in job.error or "made no sense 3 times in a row; at last:" in job.error
    assert job.view.attempt == 1


async def test_one_step_makes_only_so_many_calls(settings: Settings, server: LlmServer) -> None:
    server.says(calls=[("search_knowledge", {"text": str(number)}) for number in range(22)])
    server.says("Done")
    await worked(through(server, settings), tools=["search_knowledge"])
    answers = server.results()
    assert answers[19].startswith("No article has")
    assert ["at most 20 calls" in answer for answer in answers[19:]] == [False, True, True]


async def test_an_attempt_after_a_fault_is_told_what_the_one_before_has_submitted_and_submits_it_once(
    settings: Settings, server: LlmServer
) -> None:
    call = ("submit_job", {"type": "EMAIL_SEND", "payload": MAIL})
    server.says(calls=[call])
    server.says("Half an", ending="cut")
    server.says(calls=[call])
    server.says("Done")
    job = await worked(through(server, settings), tools=["submit_job"])
    (mail,) = job.made
    assert (job.view.attempt, job.result["jobs"]) == (2, [mail.id])
    goal = server.bodies[2]["messages"][1]["content"]
    assert goal.startswith(f"{GOAL['goal']}\n\n(An earlier attempt was broken off. Do not submit again what it did:")
    assert goal.endswith(f"- job {mail.id}, EMAIL_SEND: ada@example.org · Numbers)")
    assert f"An earlier attempt has submitted job {mail.id}" in job.log


async def test_an_endpoint_that_is_away_is_tried_again_until_it_is_given_up(settings: Settings) -> None:
    with LlmServer() as server:
        pass
    job = await worked(through(server, settings), Status.FAILED)
    assert job.view.attempt == 3
    assert job.error == f"Gave up after 3 attempts: The language model at {server.endpoint} cannot be reached"


async def test_a_wrong_key_fails_at_once_and_the_key_shows_nowhere(settings: Settings, server: LlmServer) -> None:
    server.api_key = "sk-the-right-one"
    job = await worked(through(server, settings, llm_api_key=KEY), Status.FAILED)
    assert "Check JOB_RUNNER_LLM_API_KEY" in job.error
    assert job.view.attempt == 1
    server.api_key = KEY
    server.says(f"I know {KEY}", calls=[("search_knowledge", {"text": KEY})])
    server.says(f"The key is {KEY}")
    good = await worked(through(server, settings, llm_api_key=KEY), tools=["search_knowledge"])
    for each in (job, good):
        assert KEY not in str(each)
    assert good.result["answer"] == "The key is •••"


async def test_a_pause_works_at_once_though_the_endpoint_hangs_and_the_work_begins_anew(
    settings: Settings, server: LlmServer
) -> None:
    server.says(calls=[("submit_job", {"type": "EMAIL_SEND", "payload": MAIL})])
    server.says("I think about", ending="hang")
    async with working(through(server, settings)) as atlas:
        job_id = await submitted(atlas, "AGENT_TASK", {**GOAL, "tools": ["submit_job"]})
        await asyncio.to_thread(server.wait_for_hanging)
        await atlas.commands.pause(job_id)
        await until_status(atlas, job_id, Status.PAUSED)
        await asyncio.to_thread(server.wait_until_left)
        server.says("Done, job 2 waits")
        await atlas.commands.resume(job_id)
        job = await all_of(await until_status(atlas, job_id, Status.COMPLETED), settings)
    (mail,) = job.made
    assert job.result["jobs"] == [mail.id]
    assert f"- job {mail.id}, EMAIL_SEND" in server.bodies[2]["messages"][1]["content"]


@pytest.mark.parametrize("where", ["in mid-answer", "before the answer", "at a page"])
async def test_a_cancelled_agent_leaves_no_connection_and_no_task(
    settings: Settings, server: LlmServer, site: Site, where: str
) -> None:
    held = {"in mid-answer": server, "before the answer": server, "at a page": site}[where]
    if where == "in mid-answer":
        server.says("I think about", ending="hang")
    elif where == "before the answer":
        server.hold_next(PATH, after_effect=False)
    else:
        server.says(calls=[("fetch_page", {"url": site.url})])
        site.hold_next("/", after_effect=False)

    async def is_held() -> bool:
        return bool(held.requests)

    async def is_left() -> bool:
        return not server.connections and not site.connections

    async with working(through(server, settings)) as atlas:
        job_id = await submitted(atlas, "AGENT_TASK", {**GOAL, "tools": ["fetch_page"]})
        await until(atlas, is_held)
        await atlas.commands.cancel(job_id)
        await until_status(atlas, job_id, Status.CANCELLED)
        await until(atlas, is_left)
        tasks = [repr(task) for task in asyncio.all_tasks() - {asyncio.current_task()}]
    assert not [task for task in tasks if "llm.py" in task or "agent_t" in task]
