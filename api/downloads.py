"""Stored files as answers: straight from a folder, or streamed from where they lie elsewhere."""

import re
from email.utils import format_datetime
from mimetypes import guess_type
from urllib.parse import quote

from fastapi import Request
from fastapi.responses import FileResponse, Response

from api.streamed import Streamed
from engine.engine import Atlas
from engine.storage import Stored

_RANGE = re.compile(r"bytes=\s*(\d{0,18})\s*-\s*(\d{0,18})\s*", re.IGNORECASE | re.ASCII)
_PARTIAL, _NOT_SATISFIABLE = 206, 416


# What a job made may be anybody's: it runs no script, asks nobody anything, and is framed by no other site.
_HARMLESS = (
    "default-src 'none'; img-src 'self' data:; media-src 'self'; style-src 'unsafe-inline'; font-src data:; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'self'"
)
_SANDBOXED = f"sandbox allow-popups allow-popups-to-escape-sandbox; {_HARMLESS}"


def file_response(
    atlas: Atlas,
    file: Stored,
    request: Request,
    *,
    filename: str | None = None,
    media_type: str | None = None,
    shown_as: str | None = None,
) -> Response:
    """The file, or the part of it that the request asks for.

    With a `filename` it is a download of that name, unless it is `shown_as` a media type.
    """
    answer = _file_response(atlas, file, request, None if shown_as else filename, shown_as or media_type)
    if shown_as:
        is_page = shown_as.startswith("text/html")
        answer.headers["Content-Security-Policy"] = _SANDBOXED if is_page else _HARMLESS
        answer.headers["Content-Disposition"] = "inline"
    return answer


def _file_response(
    atlas: Atlas, file: Stored, request: Request, filename: str | None, media_type: str | None
) -> Response:
    if file.path:
        return FileResponse(file.path, filename=filename, media_type=media_type)
    part = _part(request, file)
    if part and part[0] >= part[1]:
        return Response(status_code=_NOT_SATISFIABLE, headers={"Content-Range": f"bytes */{file.size}"})
    start, end = part or (0, file.size)
    headers = _headers(file, filename) | {"Content-Length": str(end - start)}
    if part:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{file.size}"
    kind = media_type or guess_type(filename or file.key)[0] or "application/octet-stream"
    content = atlas.downloads.read(file, start, end)
    return Streamed("a download", content, _PARTIAL if part else 200, headers, kind)


def _headers(file: Stored, filename: str | None) -> dict[str, str]:
    headers = {
        "Accept-Ranges": "bytes",
        "Last-Modified": format_datetime(file.modified, usegmt=True),
        "ETag": file.etag,
    }
    if filename:
        quoted = quote(filename)
        name = f'filename="{filename}"' if quoted == filename else f"filename*=utf-8''{quoted}"
        headers["Content-Disposition"] = f"attachment; {name}"
    return headers


def _part(request: Request, file: Stored) -> tuple[int, int] | None:
    """From where to before where; None for the whole file, which is also the answer to what cannot be understood."""
    asked = _RANGE.fullmatch(request.headers.get("range", ""))
    condition = request.headers.get("if-range")
    is_changed = condition and condition not in (file.etag, format_datetime(file.modified, usegmt=True))
    if not asked or is_changed or not any(asked.groups()):
        return None
    first, last = asked.groups()
    if not first:
        return max(0, file.size - int(last)), file.size
    end = min(int(last) + 1, file.size) if last else file.size
    return int(first), end
