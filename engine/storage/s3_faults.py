"""What S3-compatible storage answers, in sentences that a person can act on."""

import re

from engine.errors import StorageFault
from engine.settings import PREFIX

_CODE = re.compile(r"<Code>(\w+)</Code>")
_STATUS = re.compile(r"status code: (\d{3}[ \w]*)")
_REASON = re.compile(r'(?:message|error): "([^"]+)"')
_TLS = re.compile(r"Invalid(?:Certificate|Message)\(\s*(\w+)")
_ASKED = re.compile(r"Error performing \w+ (\w+://[^/\s]+)")
_ASKS_FOR_A_ROLE = ("/latest/api/token", "/latest/meta-data")  # what it tries when no key is set
_REFUSED = ("401", "403")
_RIGHTS = "the key must be allowed to read, write, list and delete"
_KEYS = f"{PREFIX}S3_ACCESS_KEY_ID and {PREFIX}S3_SECRET_ACCESS_KEY"


def bucket_fault(url: str, error: Exception) -> StorageFault:
    """The library's error, which holds the answer as text, as one sentence."""
    return StorageFault(f"The storage {url} {_why(str(error), error)}")


def _why(told: str, error: Exception) -> str:
    status, code = _found(_STATUS, told).strip(), _found(_CODE, told)
    if code == "NoSuchBucket":
        return f"has no such bucket: create it, or correct {PREFIX}STORAGE_URL"
    if any(path in told for path in _ASKS_FOR_A_ROLE):
        return f"needs a key, and this machine has no role that gives one: set {_KEYS}"
    if status.startswith(_REFUSED):
        return f"refuses the key ({code or status}): check {_KEYS}; {_RIGHTS}"
    if status:
        return f"answers {code or status}: look after it, or correct {PREFIX}S3_ENDPOINT and {PREFIX}S3_REGION"
    if asked := _found(_ASKED, told):
        return f"cannot be reached at {asked} ({_reason(told)}): check {PREFIX}S3_ENDPOINT, and that it runs"
    lines = str(error).splitlines() or [type(error).__name__]
    return f"failed ({lines[0]})"


def _reason(told: str) -> str:
    if tls := _found(_TLS, told):
        return f"no TLS connection: {tls}"
    if "TimedOut" in told:
        return "no answer in time"
    reasons: list[str] = _REASON.findall(told)
    return reasons[-1] if reasons else "the connection was lost"


def _found(pattern: re.Pattern[str], text: str) -> str:
    match = pattern.search(text)
    return match.group(1) if match else ""
