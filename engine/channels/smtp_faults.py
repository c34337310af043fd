"""What a fault in talking to a mail server means: certainly not sent, for good or for now; or unknown."""

import asyncio
import os
import socket
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager

from aiosmtplib import SMTPException, SMTPResponseException

from engine.errors import OutcomeUnknown, PermanentError, TransientError

LONGEST_ANSWER = 500  # characters of a server's answer that are worth repeating
CLOSING = 421  # RFC 5321, 3.8: the server is going away, whatever the command was


@asynccontextmanager
async def certain(host: str, what: str, timeout: float) -> AsyncIterator[None]:
    """Bound a step before the message's content to `timeout` seconds; turn its faults into what they are.

    `what` completes "mail.example.org refused …". An answer of 5xx is permanent; all else may work next time.
    """
    try:
        async with asyncio.timeout(timeout):
            yield
    except SMTPResponseException as error:
        raise refusal(f"{host} refused {what}", error.code, error.message) from error
    except (SMTPException, OSError) as error:
        raise TransientError(
            f"Nothing was sent: the connection to {host} failed before {what} was accepted ({reason(error)})"
        ) from error
    except ValueError as error:  # a host name or a value that no command can carry
        raise PermanentError(f"Nothing was sent: {what} cannot be put to {host} ({error})") from error


@contextmanager
def trusted(host: str, port: int) -> Iterator[None]:
    """Turn faults of TLS itself into a PermanentError; a broken connection passes and may work next time."""
    try:
        yield
    except (SMTPException, OSError) as error:
        fault = _root(error)
        if isinstance(fault, ssl.SSLCertVerificationError):
            raise PermanentError(
                f"The certificate of {host} cannot be trusted: {fault.verify_message.rstrip('.')}"
            ) from error
        if isinstance(fault, ssl.SSLError) and not isinstance(fault, ssl.SSLEOFError):
            raise PermanentError(f"{host} cannot agree on TLS on port {port}: {reason(fault)}") from error
        raise


def refusal(what: str, code: int, message: str) -> PermanentError | TransientError:
    """A server's no: for good if the code is 5xx (RFC 5321, 4.2.1), for now otherwise."""
    kind = PermanentError if code // 100 == 5 else TransientError
    return kind(f"{what}: {answer_text(code, message)}")


def nobody_accepted(host: str, refused: Mapping[str, tuple[int, str]]) -> PermanentError | TransientError:
    """The refusal of all recipients: permanent only if every single one is."""
    kind = PermanentError if all(code // 100 == 5 for code, _ in refused.values()) else TransientError
    answers = "; ".join(f"{address} ({answer_text(*answer)})" for address, answer in refused.items())
    return kind(f"{host} refused every recipient: {answers}")


def unknown(host: str, message_id: str, why: str) -> OutcomeUnknown:
    """There is no clear answer to the message's content, which the server may have taken (RFC 1047)."""
    return OutcomeUnknown(
        f"{host} may or may not have taken the message {message_id}: no clear answer came after it ({why})"
    )


def answer_text(code: int, message: str) -> str:
    """A server's answer as one line of printable text, such as "550 5.1.1 User unknown"."""
    printable = "".join(each if each.isprintable() else " " for each in message)
    text = " ".join(printable.split())[:LONGEST_ANSWER]
    return f"{code} {text}" if code >= 0 else text


def reason(error: BaseException) -> str:
    """The deepest cause of an error in a few words for a person."""
    fault = _root(error)
    if isinstance(fault, socket.gaierror):
        return "its name cannot be resolved"
    if isinstance(fault, TimeoutError):
        return "no answer in time"
    if isinstance(fault, OSError) and fault.errno and not isinstance(fault, ssl.SSLError):
        return os.strerror(fault.errno)
    return str(fault) or type(fault).__name__


def _root(error: BaseException) -> BaseException:
    """The first cause; below a timeout there is but the wait that it cancelled."""
    while error.__cause__ and type(error) is not TimeoutError:
        error = error.__cause__
    return error
