"""Faults in a payload, as sentences that name field, rule and value."""

from typing import Annotated, Any

import pytest
from pydantic import Field, ValidationError

from engine.errors import FieldError
from engine.faults import field_errors, shown
from engine.jobs.base import Payload
from engine.jobs.email_send import EmailPayload
from engine.jobs.social_post import SocialPayload


class Numbers(Payload):
    """One field a rule."""

    share: Annotated[float, Field(title="Share", ge=0, le=1)] = 0
    code: Annotated[str, Field(title="Code", min_length=3)] = "abc"


MAIL = {"to": "ada@example.org", "subject": "Hello", "body": "Text"}
POST = {"text": "Hello", "channels": ["feed"]}


@pytest.mark.parametrize(
    ("model", "payload", "expected"),
    [
        (EmailPayload, {}, ["to: Recipient is required", "subject: Subject is required", "body: Body is required"]),
        (EmailPayload, {**MAIL, "subject": ""}, ["subject: Subject must not be empty"]),
        (
            EmailPayload,
            {**MAIL, "subject": "x" * 1301},
            ["subject: Subject must have at most 300 characters, not 1,301"],
        ),
        (
            EmailPayload,
            {**MAIL, "subject": "Hello\nBcc: eve@example.org"},
            ["subject: Subject must not contain line breaks or control characters (found U+000A)"],
        ),
        (EmailPayload, {**MAIL, "subject": 7}, ["subject: Subject must be text, not 7"]),
        (EmailPayload, {**MAIL, "to": []}, ["to: Recipient must name at least one"]),
        (EmailPayload, {**MAIL, "to": ""}, ["to: Recipient must not be empty"]),
        (EmailPayload, {**MAIL, "to": {}}, ["to: Recipient must be a list, not {}"]),
        (EmailPayload, {**MAIL, "to": [7]}, ["to.0: Recipient 1 must be an e-mail address, not 7"]),
        (
            EmailPayload,
            {**MAIL, "to": [f"p{n}@example.org" for n in range(101)]},
            ["to: Recipient must have at most 100 entries, not 101"],
        ),
        (
            EmailPayload,
            {**MAIL, "colour": "red"},
            ["colour: colour is not a field here; the fields are to, cc, bcc, subject, body, attachments"],
        ),
        (SocialPayload, {**POST, "channels": []}, ["channels: Channels must name at least one"]),
        (SocialPayload, {**POST, "channels": "feed"}, ["channels: Channels must be a list, not 'feed'"]),
        (SocialPayload, {**POST, "images": [{"data": "x"}]}, ["images.0.alt: Images 1 alt is required"]),
        (
            SocialPayload,
            {**POST, "images": [{"data": "x", "alt": ""}]},
            ["images.0.alt: Images 1 alt must not be empty"],
        ),
        (Numbers, {"share": 2}, ["share: Share must be 1 or less, not 2"]),
        (
            Numbers,
            {"share": "half"},
            ["share: Share must be a number, not 'half'"],
        ),
        (Numbers, {"code": "a"}, ["code: Code must have at least 3 characters, not 1"]),
    ],
    ids=lambda value: str(value)[:50],
)
def test_a_fault_is_a_sentence(model: type[Payload], payload: dict[str, Any], expected: list[str]) -> None:
    told = [f"{fault.field}: {fault.message}" for fault in faults_of(model, payload)]
    assert told == expected


def faults_of(model: type[Payload], payload: dict[str, Any]) -> list[FieldError]:
    with pytest.raises(ValidationError) as caught:
        model.model_validate(payload)
    return field_errors(caught.value, model)


def test_an_address_fault_names_the_address_and_what_one_looks_like() -> None:
    (fault,) = faults_of(EmailPayload, {**MAIL, "to": ["ada@example.org", "nobody"]})
    assert fault.field == "to.1"
    assert fault.message.startswith("Recipient 2 must be an e-mail address like ada@example.org, not 'nobody'")


def test_faults_come_in_the_order_of_the_form() -> None:
    assert [fault.field for fault in faults_of(EmailPayload, {"body": "", "x": 1})] == ["to", "subject", "body", "x"]


def test_a_long_value_is_cut_short_in_the_message() -> None:
    assert shown("x" * 500) == f"'{'x' * 59}…"
