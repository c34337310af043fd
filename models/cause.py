"""What an error has in common with others of its kind: a headline under which many failures are told as one.

Whatever belongs to one job only, such as an address, a file's name, a number or a moment, is left out as "…". The codes
of HTTP and mail servers and of programs stay: they tell one kind of failure from another.
"""

import re

MAX_CAUSE = 200
NO_REASON = "No reason was told"
GAP = "…"

_MAX_READ = 1000  # characters of an error; what follows tells details
_GAVE_UP = re.compile(r"^Gave up after \S+ attempts?: ")
_QUOTED = re.compile(
    r"\"[^\"]+\"|“[^”]+”|„[^“”]+[“”]|«[^»]+»|`[^`]+`|‘[^’]+’(?!\w)|(?<![\w…])'(?:[^']|(?<=\w)'(?=\w))+'(?!\w)"
)
_URL = re.compile(r"\b[A-Za-z][A-Za-z0-9+.-]*://[^\s<>\"'()]*[^\s<>\"'().,;:!?]")
_ADDRESS = re.compile(r"[^\s<>\"'(),;:@]+@[^\s<>\"'(),;:@]*[^\s<>\"'(),;:@.!?]")
_PATH = re.compile(
    r"(?<![\w…/])(?:~|\.{1,2})?/[^\s:;,()\"'<>]*[^\s:;,()\"'<>.!?]|\b[A-Za-z]:\\[^\s;,()\"'<>]*[^\s;,()\"'<>.!?]"
)
_DOTTED = re.compile(r"(?<![\w…-])[\w-]*\w\.[\w-]+(?:\.[\w-]+)*|(?<!\S)\.\w[\w.-]*")  # a host, a file, a decimal
_ABBREVIATED = re.compile(r"\w(?:\.\w)+")  # e.g, i.e
_COUNTED = re.compile(r"[\w#%+-]*\d[\w#%+-]*")
_CODE = re.compile(r"[1-9]\d{0,2}")
_BEFORE_CODE = re.compile(r"(?:\b(?:HTTP|status|code|answered|said)|refused[^\d]{0,60}[:(])\s?$", re.IGNORECASE)
_TERM = re.compile(r"s3|mp[34]|h26[45]|utf-?8|base64|oauth2|sha(?:256|512)|md5|ipv[46]|http[23]|html5", re.IGNORECASE)
_GAPS = re.compile(r"…(?:[\s.,:;/+|×–—&-]*…)+")
_ENCLOSED = re.compile(r"<…>|\(…\)|\[…\]|\{…\}")
_END = re.compile(r"\S{0,30}$")  # a word that was cut


def cause_of(error: str) -> str:
    """At most `MAX_CAUSE` characters, the same for errors of the same kind, and its own cause."""
    text, cause = error[:_MAX_READ], _once(error[:_MAX_READ])
    while cause != text:  # what was replaced may have joined what belongs together; each round leaves less to do
        text, cause = cause, _once(cause)
    return cause


def _once(text: str) -> str:
    text = _GAVE_UP.sub("", " ".join(text.split()))
    for pattern in (_QUOTED, _URL, _ADDRESS, _PATH):
        text = pattern.sub(GAP, text)
    text = _DOTTED.sub(_without_name, text)
    text = _COUNTED.sub(_without_number, text)
    text = _GAPS.sub(GAP, _ENCLOSED.sub(GAP, text))
    if len(text) > MAX_CAUSE:
        text = f"{_END.sub('', text[: MAX_CAUSE - 1])}{GAP}"
    return text or NO_REASON


def _without_name(found: re.Match[str]) -> str:
    return found[0] if _ABBREVIATED.fullmatch(found[0]) and not any(map(str.isdigit, found[0])) else GAP


def _without_number(found: re.Match[str]) -> str:
    if _TERM.fullmatch(found[0]):
        return found[0]
    is_code = _CODE.fullmatch(found[0]) and _BEFORE_CODE.search(found.string, max(0, found.start() - 80), found.start())
    return found[0] if is_code else GAP
