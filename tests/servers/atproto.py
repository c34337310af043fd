"""A personal data server of the AT Protocol, as far as posting needs it (docs.bsky.app/docs/api)."""

import hashlib
import json
import re
from itertools import count
from typing import Any

import regex

from tests.servers.http import FakeServer, Reply, Request

POSTS = "app.bsky.feed.post"
_TID = re.compile(r"[234567abcdefghij][234567a-z]{12}")


class AtprotoServer(FakeServer):
    """`records` and `blobs` hold what was taken; `sign_ins` and `refreshes` count."""

    def __init__(self, *, handle: str = "alice.test", password: str = "abcd-efgh-ijkl-mnop", port: int = 0) -> None:
        super().__init__(port)
        self.handle, self.password, self.did = handle, password, "did:plc:aliceaaaaaaaaaaaaaaaaaaa"
        self.handles = {handle: self.did}  # what resolveHandle knows
        self.records: dict[str, dict[str, Any]] = {}
        self.blobs: dict[str, tuple[str, bytes]] = {}  # by CID: media type, content
        self.sign_ins = 0
        self.refreshes = 0
        self._numbers = count(1)
        self._access: dict[str, bool] = {}  # token: whether it is still good
        self._refresh: dict[str, bool] = {}

    @property
    def posts(self) -> list[dict[str, Any]]:
        """The records of posts, in the order they were first written."""
        with self.lock:
            return list(self.records.values())

    def expire_access(self) -> None:
        """From now on every access token given so far is too old."""
        with self.lock:
            self._access = dict.fromkeys(self._access, False)

    def expire_refresh(self) -> None:
        """From now on every refresh token given so far is too old."""
        with self.lock:
            self._refresh = dict.fromkeys(self._refresh, False)

    def answer(self, request: Request) -> Reply:
        match (request.method, request.path.removeprefix("/xrpc/")):
            case ("POST", "com.atproto.server.createSession"):
                return self._sign_in(request)
            case ("POST", "com.atproto.server.refreshSession"):
                return self._refuse(request, self._refresh) or self._renew(request)
            case ("GET", "com.atproto.identity.resolveHandle"):
                return self._resolve(request)
            case ("GET", "com.atproto.repo.getRecord"):
                return self._get(request)
            case ("GET", "com.atproto.server.getSession"):
                return self._refuse(request, self._access) or Reply({"did": self.did, "handle": self.handle})
            case ("POST", "com.atproto.repo.uploadBlob"):
                return self._refuse(request, self._access) or self._upload(request)
            case ("POST", "com.atproto.repo.putRecord"):
                return self._refuse(request, self._access) or self._put(request)
        return _error(501, "MethodNotImplemented", "Method Not Implemented")

    def _sign_in(self, request: Request) -> Reply:
        asked = request.json()
        self.sign_ins += 1
        if asked != {"identifier": self.handle, "password": self.password}:
            return _error(401, "AuthenticationRequired", "Invalid identifier or password")
        return self._session()

    def _renew(self, request: Request) -> Reply:
        self.refreshes += 1
        self._refresh[request.bearer or ""] = False
        return self._session()

    def _session(self) -> Reply:
        number = next(self._numbers)
        access, refresh = f"access-{number}", f"refresh-{number}"
        self._access[access] = self._refresh[refresh] = True
        return Reply({"accessJwt": access, "refreshJwt": refresh, "did": self.did, "handle": self.handle})

    def _refuse(self, request: Request, tokens: dict[str, bool]) -> Reply | None:
        if request.bearer is None:
            return _error(401, "AuthMissing", "Authentication Required")
        if request.bearer not in tokens:
            return _error(400, "InvalidToken", "Token could not be verified")
        return None if tokens[request.bearer] else _error(400, "ExpiredToken", "Token has expired")

    def _resolve(self, request: Request) -> Reply:
        if did := self.handles.get(request.query.get("handle", "")):
            return Reply({"did": did})
        return _error(400, "InvalidRequest", "Unable to resolve handle")

    def _upload(self, request: Request) -> Reply:
        media_type = request.headers.get("content-type")
        if not media_type:
            return _error(400, "InvalidRequest", "Request encoding (Content-Type) required but not provided")
        cid = _cid(request.body)
        self.blobs[cid] = (media_type, request.body)
        size = len(request.body)
        return Reply({"blob": {"$type": "blob", "ref": {"$link": cid}, "mimeType": media_type, "size": size}})

    def _put(self, request: Request) -> Reply:
        asked = request.json()
        uri = f"at://{asked['repo']}/{asked['collection']}/{asked['rkey']}"
        known = self.records.get(uri)
        if fault := self._fault(asked):
            return _error(400, "InvalidRequest", fault)
        if "swapRecord" in asked and asked["swapRecord"] is None and known:
            return _error(400, "InvalidSwap", f"Record was at {_cid_of(known)}")
        self.records[uri] = asked["record"]
        commit = {} if known == asked["record"] else {"commit": {"cid": _cid(uri.encode()), "rev": asked["rkey"]}}
        return Reply({"uri": uri, "cid": _cid_of(asked["record"]), "validationStatus": "valid", **commit})

    def _fault(self, asked: dict[str, Any]) -> str | None:
        record = asked["record"]
        text = record["text"]
        if asked["repo"] != self.did or asked["collection"] != POSTS or record.get("$type") != POSTS:
            return "Could not find repo"
        if not _TID.fullmatch(asked["rkey"]):
            return "Invalid TID"
        if len(regex.findall(r"\X", text)) > 300 or len(text.encode()) > 3000:
            return "Invalid app.bsky.feed.post record: Record/text must not be longer than 300 graphemes"
        if any(facet["index"]["byteEnd"] > len(text.encode()) for facet in record.get("facets", [])):
            return "Invalid app.bsky.feed.post record: a facet ends after the text"
        images = record.get("embed", {}).get("images", [])
        if any(image["image"]["ref"]["$link"] not in self.blobs for image in images):
            return "Could not find blob"
        return None

    def _get(self, request: Request) -> Reply:
        uri = "at://{repo}/{collection}/{rkey}".format(**request.query)
        if (record := self.records.get(uri)) is None:
            return _error(400, "RecordNotFound", f"Could not locate record: {uri}")
        return Reply({"uri": uri, "cid": _cid_of(record), "value": record})


def _cid_of(record: dict[str, Any]) -> str:
    return _cid(json.dumps(record, sort_keys=True).encode())


def _cid(content: bytes) -> str:
    return "bafkrei" + hashlib.sha256(content).hexdigest()[:52]


def _error(status: int, name: str, message: str) -> Reply:
    return Reply({"error": name, "message": message}, status)
