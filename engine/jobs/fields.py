"""Field types that payloads share: mail addresses, single lines, blocks of text."""

from typing import Annotated, Any, TypeVar

from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, BeforeValidator, WithJsonSchema

from engine.channels.mail import body_fault
from engine.channels.mail_header import address_fault, header_fault
from engine.faults import shown

T = TypeVar("T")


def _address(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"must be an e-mail address, not {shown(value)}")
    if fault := header_fault(value):
        raise ValueError(fault)
    try:
        address = validate_email(value.strip(), check_deliverability=False, globally_deliverable=False).normalized
    except EmailNotValidError as error:
        raise ValueError(f"must be an e-mail address like ada@example.org, not {shown(value)} ({error})") from None
    if fault := address_fault(address):
        raise ValueError(f"must be an address that mail servers take: {fault}")
    return address


def _as_list(value: Any) -> Any:
    if isinstance(value, str):
        return [part for part in (piece.strip() for piece in value.replace(";", ",").split(",")) if part]
    return value


def _unique(values: list[str]) -> list[str]:
    return list(dict.fromkeys(values))


def _text_block(value: str) -> str:
    if fault := body_fault(value):
        raise ValueError(fault)
    return value


def _single_line(value: str) -> str:
    if fault := header_fault(value):
        raise ValueError(fault)
    return value


Address = Annotated[str, BeforeValidator(_address)]

Addresses = Annotated[
    list[Address],
    BeforeValidator(_as_list),
    AfterValidator(_unique),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "format": "email"},
                {"type": "array", "items": {"type": "string", "format": "email"}, "maxItems": 100},
            ]
        }
    ),
]
"""One address, several separated by commas, or a list; at most 100, each once."""

SINGLE_LINE = AfterValidator(_single_line)
"""For text that becomes a header: no line break, raw or after RFC 2047 decoding. Stands after the length's limit."""


TextBlock = Annotated[str, AfterValidator(_text_block)]
"""Text of any number of lines."""


def _each_once(values: list[T]) -> list[T]:
    return list(dict.fromkeys(values))


def _not_blank(value: str) -> str:
    if not value.strip():
        raise ValueError("must not be empty")
    return value


EACH_ONCE = AfterValidator(_each_once)
"""For a list that may name a thing twice, and means it once."""

STRIPPED = AfterValidator(str.strip)
"""For a line whose spaces at either end mean nothing."""

NOT_BLANK = AfterValidator(_not_blank)
"""For text that must say something."""
