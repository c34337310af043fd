"""An identity provider (OpenID Connect Core 1.0) that signs in whoever the test says, and can be made to lie."""

import time
from typing import Any
from urllib.parse import parse_qs, urlencode

from joserfc import jwt
from joserfc.jwk import RSAKey

from tests.servers.http import FakeServer, Reply, Request


class OidcServer(FakeServer):
    """`person` is who signs in; `lies` replace claims of its signed answer, None leaves one out."""

    client_id, client_secret = "job-runner", "secret of job-runner"

    def __init__(self) -> None:
        super().__init__()
        self.person: dict[str, Any] = {"sub": "7", "preferred_username": "ada"}
        self.lies: dict[str, Any] = {}
        self.refuses = False
        self.name = self.url
        self.key = RSAKey.generate_key(2048, {"kid": "one"})
        self.signs_with = self.key
        self._asked: dict[str, dict[str, str]] = {}

    def answer(self, request: Request) -> Reply:
        """Do what the request asks."""
        match (request.method, request.path):
            case ("GET", "/.well-known/openid-configuration"):
                return Reply(self._document())
            case ("GET", "/keys"):
                return Reply({"keys": [self.key.as_dict(private=False)]})
            case ("GET", "/authorize"):
                return self._authorize(request)
            case ("POST", "/token"):
                return self._token(request)
        return Reply({"error": "not_found"}, 404)

    def _document(self) -> dict[str, str]:
        places = {"authorization": "authorize", "token": "token"}
        endpoints = {f"{name}_endpoint": f"{self.url}/{path}" for name, path in places.items()}
        return {"issuer": self.name, "jwks_uri": f"{self.url}/keys", **endpoints}

    def _authorize(self, request: Request) -> Reply:
        asked = dict(request.query)
        assert asked["code_challenge_method"] == "S256"
        if self.refuses:
            back = {"error": "access_denied", "state": asked["state"]}
        else:
            code = f"code-{len(self._asked)}"
            self._asked[code] = asked
            back = {"code": code, "state": asked["state"]}
        return Reply(status=302, headers={"Location": f"{asked['redirect_uri']}?{urlencode(back)}"})

    def _token(self, request: Request) -> Reply:
        form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        asked = self._asked.pop(form.get("code", ""), None)
        if asked is None or "code_verifier" not in form:
            return Reply({"error": "invalid_grant"}, 400)
        now = int(time.time())
        claims = {"iss": self.name, "aud": self.client_id, "exp": now + 60, "iat": now, "nonce": asked["nonce"]}
        told = {k: v for k, v in {**claims, **self.person, **self.lies}.items() if v is not None}
        signed = jwt.encode({"alg": "RS256", "kid": "one"}, told, self.signs_with)
        return Reply({"access_token": "x", "token_type": "Bearer", "id_token": signed})
