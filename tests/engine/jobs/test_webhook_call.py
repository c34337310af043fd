"""WEBHOOK_CALL, to a real server: what is sent, what of the answer is kept, and what each fault means."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from engine.actors import local
from engine.engine import Atlas
from engine.errors import InvalidInput
from engine.jobs.webhook_call import WebhookCall
from engine.retry import RetryPolicy
from engine.settings import Settings
from engine.stored_secrets import HIDDEN
from engine.views import JobView
from models.states import Status
from tests.servers.http import FakeServer, Reply, Request
from tests.support.engine import changed, running, submitted, until_status

pytestmark = [pytest.mark.usefixtures("database"), pytest.mark.either]

TOKEN = "S3cret/token-of-the-chat"


class Service(FakeServer):
    """Answers what it was asked, and sends on from /on/<n> n times."""

    def answer(self, request: Request) -> Reply:
        """Echo."""
        if request.path == "/elsewhere":
            return Reply(status=302, headers={"Location": f"http://localhost:{self.port}/there"})
        if request.path == "/escaped":
            return Reply(body=json.dumps({"token": TOKEN}).replace("/", "\\/").encode())
        if request.path == "/odd":
            return Reply(body=b"ok", headers={"Content-Type": "text/plain; charset=hex"})
        if request.path.startswith("/on/"):
            left = int(request.path.removeprefix("/on/"))
            there = f"/on/{left - 1}" if left else "/there"
            return Reply(status=302, headers={"Location": there})
        told = {"id": "m-1", "items": [{"n": 1}], "said": request.body.decode(), "auth": request.bearer}
        return Reply(told)


@pytest.fixture
def service() -> Iterator[Service]:
    with Service() as server:
        yield server


class QuicklyRepeated(WebhookCall):
    """Waits no ten seconds until it is tried again."""

    retry = RetryPolicy(base=0.1)


async def called(settings: Settings, status: Status = Status.COMPLETED, **payload: Any) -> JobView:
    """The job, once it has come to this status."""
    async with running(settings, QuicklyRepeated()) as atlas:
        return await in_the_end(atlas, status, **payload)


async def in_the_end(atlas: Atlas, status: Status, **payload: Any) -> JobView:
    await atlas.secrets.put("CHAT", TOKEN, ["127.0.0.1"], "ada")
    return await until_status(atlas, await submitted(atlas, "WEBHOOK_CALL", payload), status)


async def test_a_call_is_made_as_it_was_worded_with_its_secret_and_tells_the_answer(
    settings: Settings, service: Service
) -> None:
    job = await called(
        settings,
        url=f"{service.url}/hook?job={{{{ job.id }}}}",
        headers=["Authorization: Bearer {{ secrets.CHAT }}", "X-Team: ada"],
        body='{"text": {{ values.text | tojson }}}',
        values={"text": 'Numbers "up"'},
        extract="items.0.n",
    )
    (request,) = service.requests
    assert (request.method, request.path, request.query) == ("POST", "/hook", {"job": str(job.id)})
    assert request.json() == {"text": 'Numbers "up"'}
    assert (request.bearer, request.headers["x-team"]) == (TOKEN, "ada")
    assert request.headers["content-type"] == "application/json"
    assert len(request.headers["idempotency-key"]) == 36
    assert job.result is not None
    assert (job.result["message"], job.result["status"]) == ("POST 127.0.0.1: 200 OK", 200)
    assert job.result["extracted"] == 1
    assert json.loads(job.result["answer"])["id"] == "m-1"
    assert TOKEN not in str(job), "the service told it back, and it is hidden"
    assert job.summary == f"POST {service.url}/hook?job={{{{ job.id }}}}"


async def test_headers_may_come_as_an_object_and_the_type_of_the_body_may_be_said(
    settings: Settings, service: Service
) -> None:
    await called(settings, method="PUT", url=service.url, headers={"Content-Type": "text/plain"}, body="Hello")
    (request,) = service.requests
    assert (request.method, request.headers["content-type"], request.body) == ("PUT", "text/plain", b"Hello")


async def test_a_call_is_made_once_whatever_the_answer_and_an_answer_that_is_lost_is_a_question(
    settings: Settings, service: Service
) -> None:
    service.drop_next("/", after_effect=True)
    job = await called(settings, Status.FAILED, url=service.url)
    assert (job.outcome, len(service.requests)) == ("unknown", 1)
    assert "nobody knows whether it was done" in (job.error or "")


@pytest.mark.parametrize(
    ("status", "outcome"), [(500, "unknown"), (502, "unknown"), (400, None), (404, None), (501, None)]
)
async def test_a_refusal_is_certain_and_a_server_in_trouble_is_not(
    settings: Settings, service: Service, status: int, outcome: str | None
) -> None:
    service.fail_next("/", status=status, body=f"no {TOKEN}".encode())
    job = await called(settings, Status.FAILED, url=service.url, headers=["X: {{ secrets.CHAT }}"])
    assert job.outcome == outcome
    assert f"POST 127.0.0.1 answered {status}" in (job.error or "")
    assert TOKEN not in (job.error or "")
    assert len(service.requests) == 1


async def test_a_server_that_asks_to_wait_or_is_not_there_is_tried_again_under_the_same_key(
    settings: Settings, service: Service
) -> None:
    service.fail_next("/", status=429, headers={"Retry-After": "0"})
    await called(settings, url=service.url)
    one, other = service.requests
    assert one.headers["idempotency-key"] == other.headers["idempotency-key"]


async def test_looking_has_no_effect_and_may_be_repeated(settings: Settings, service: Service) -> None:
    service.fail_next("/", status=500, headers={"Retry-After": "0"})
    async with running(settings, QuicklyRepeated()) as atlas:
        job = await in_the_end(atlas, Status.COMPLETED, method="GET", url=service.url)
        assert await atlas.queries.effects(job.id) == []
    assert [request.method for request in service.requests] == ["GET", "GET"]
    assert "idempotency-key" not in service.requests[0].headers


async def test_only_looking_follows_where_it_is_sent_on_and_not_for_ever(settings: Settings, service: Service) -> None:
    job = await called(settings, method="GET", url=f"{service.url}/on/3")
    assert (job.result or {})["status"] == 200
    assert [request.path for request in service.requests] == ["/on/3", "/on/2", "/on/1", "/on/0", "/there"]
    endless = await called(settings, Status.FAILED, method="GET", url=f"{service.url}/on/9")
    assert "sends on more than 5 times" in (endless.error or "")
    posted = await called(settings, Status.FAILED, url=f"{service.url}/on/1")
    assert "answered 302" in (posted.error or "")


async def test_a_status_that_is_expected_is_a_success(settings: Settings, service: Service) -> None:
    service.fail_next("/", status=404)
    job = await called(settings, url=service.url, expect="200-299, 404")
    assert (job.result or {})["status"] == 404


async def test_an_answer_without_what_was_to_be_extracted_is_told_and_no_failure(
    settings: Settings, service: Service
) -> None:
    job = await called(settings, url=service.url, extract="data.id")
    assert (job.result or {})["message"] == "POST 127.0.0.1: 200 OK, but the answer has no data.id"


async def test_a_server_that_hangs_is_given_up_after_the_time_that_was_said(
    settings: Settings, service: Service
) -> None:
    service.hold_next("/", after_effect=False)
    job = await called(settings, Status.FAILED, url=service.url, timeout_seconds=1)
    assert (job.outcome, "no answer within 1 s" in (job.error or "")) == ("unknown", True)


async def test_an_endless_answer_is_cut(settings: Settings, service: Service) -> None:
    service.fail_next("/", status=200, body=b"x" * 3_000_000)
    job = await called(settings, url=service.url)
    assert len((job.result or {})["answer"]) == 5_000


async def test_our_own_network_is_not_called(settings: Settings, service: Service) -> None:
    public = changed(settings, host="0.0.0.0")
    job = await called(public, Status.FAILED, url=service.url)
    assert "an address of a private network" in (job.error or "")
    assert service.requests == []


async def test_a_secret_that_was_removed_meanwhile_fails_the_job_and_nothing_is_sent(
    settings: Settings, service: Service
) -> None:
    async with running(settings, QuicklyRepeated()) as atlas:
        await atlas.secrets.put("GONE", TOKEN, ["*"], "ada")
        job_id = await submitted(
            atlas, "WEBHOOK_CALL", {"url": service.url, "body": "{{ secrets.GONE }}"}, requires_approval=True
        )
        await atlas.secrets.remove("GONE")
        await atlas.reviews.approve(local(), job_id)
        job = await until_status(atlas, job_id, Status.FAILED)
        assert "the secret GONE is not stored any more" in (job.error or "")
    assert service.requests == []


async def test_a_secret_goes_nowhere_but_to_its_hosts(settings: Settings, service: Service) -> None:
    there = service.url.replace("127.0.0.1", "localhost")
    job = await called(settings, Status.FAILED, url=there, headers=["X-Key: {{ secrets.CHAT }}"])
    assert (job.error, job.outcome) == ("The secret CHAT may be sent to 127.0.0.1 only, as set in Settings", None)
    assert service.requests == []


async def test_no_header_of_ours_follows_to_another_server(settings: Settings, service: Service) -> None:
    await called(settings, method="GET", url=f"{service.url}/elsewhere", headers=["X-Key: {{ secrets.CHAT }}"])
    first, second = service.requests
    assert first.headers["x-key"] == TOKEN
    assert "x-key" not in second.headers


async def test_a_secret_that_is_told_back_in_other_letters_is_hidden_too(settings: Settings, service: Service) -> None:
    body, headers = "{{ secrets.CHAT | lower }}", ["X-Key: {{ secrets.CHAT }}"]
    escaped = await called(settings, url=f"{service.url}/escaped", body=body, headers=headers, extract="token")
    assert escaped.result is not None
    assert escaped.result["extracted"] == HIDDEN
    echoed = await called(settings, url=service.url, body=body)
    for job in (escaped, echoed):
        assert TOKEN.lower() not in str(job.result).lower().replace("\\", "")


async def test_what_cannot_be_sent_fails_and_is_no_question(settings: Settings, service: Service) -> None:
    for headers in (["X-Key: ü"], ["X-Key: {{ values.lines }}"]):
        job = await called(settings, Status.FAILED, url=service.url, headers=headers, values={"lines": "a\nb"})
        assert (job.outcome, (job.error or "").startswith("A header cannot be sent")) == (None, True)
    assert service.requests == []


async def test_an_answer_in_letters_that_nobody_knows_is_an_answer(settings: Settings, service: Service) -> None:
    job = await called(settings, url=f"{service.url}/odd")
    assert (job.result or {})["answer"] == "ok"


@pytest.mark.parametrize(
    ("payload", "field", "words"),
    [
        ({"url": "ftp://example.org"}, "url", "must be like https://example.org/hook"),
        ({"url": "https://a:b@example.org"}, "url", "must be like https://example.org/hook"),
        ({"url": "https://e.org/{{ secret.X }}"}, "url", "may use job, secrets, values, not 'secret'"),
        ({"url": "https://{{ values.host }}/"}, "url", "must be like https://example.org/hook"),
        ({"url": "https://e.org", "headers": ["no colon"]}, "headers.0", "must each be like Name: value"),
        ({"url": "https://e.org", "headers": ["Host: other"]}, "headers.0", "must not set Host"),
        ({"url": "https://e.org", "headers": ["A: b\r\nC: d"]}, "headers.0", "must each be like"),
        ({"url": "https://e.org", "body": "{% for x in y %}{% endfor %}"}, "body", "not for"),
        ({"url": "https://e.org", "body": "{{ secrets.NONE }}"}, "secrets", "The secret NONE must be stored"),
        ({"url": "https://e.org", "expect": "ok"}, "expect", "must be as in 200-299, 304, not 'ok'"),
        ({"url": "https://e.org", "method": "GET", "body": "x"}, "body", "must be empty for GET"),
    ],
)
async def test_what_could_not_be_called_is_refused_by_field(
    settings: Settings, payload: dict[str, Any], field: str, words: str
) -> None:
    job_type = WebhookCall()
    with pytest.raises(InvalidInput) as refused:
        await job_type.accept(job_type.parse(payload), settings)
    (fault,) = refused.value.errors
    assert fault.field == field
    assert words in fault.message
