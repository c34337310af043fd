"""Sign-in at an identity provider: the code flow with PKCE (OpenID Connect Core 1.0, 3.1; RFC 7636)."""

import logging
import secrets
import warnings
from typing import Any

import httpx
from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from itsdangerous import BadSignature, URLSafeTimedSerializer
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from api.sign_in import SignIn, local_path, sign_in_page
from engine.engine import Atlas
from engine.errors import InvalidInput
from engine.settings import Settings
from models.rights import Role

with warnings.catch_warnings():  # it says that it prefers another client than httpx
    warnings.simplefilter("ignore")
    from authlib.common.errors import AuthlibBaseError
    from authlib.integrations.httpx_client import AsyncOAuth2Client

log = logging.getLogger(__name__)

START, CALLBACK = "/login/oidc", "/login/oidc/callback"
COOKIE = "job_runner_oidc"
MINUTES = 10
TIMEOUT_SECONDS = 10
NEEDED = ("issuer", "authorization_endpoint", "token_endpoint", "jwks_uri")
SIGNATURES = ["RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA"]


class Refused(Exception):
    """The provider did not tell who it is; `str()` is why, for a person."""


class Provider:
    """What the issuer's discovery document says, read when it is first needed."""

    def __init__(self, settings: Settings) -> None:
        self.issuer = settings.oidc_issuer or ""
        self._id = settings.oidc_client_id or ""
        secret = settings.oidc_client_secret
        self._secret = secret.get_secret_value() if secret else ""
        self._document: dict[str, str] = {}

    async def address(self, redirect: str, asked: dict[str, str]) -> str:
        """Where to send the browser."""
        document = await self._discovered()
        async with self._client(redirect) as client:
            url, _ = client.create_authorization_url(
                document["authorization_endpoint"],
                state=asked["state"],
                nonce=asked["nonce"],
                code_verifier=asked["verifier"],
            )
        return str(url)

    async def claims(self, redirect: str, code: str, asked: dict[str, str]) -> dict[str, Any]:
        """What the provider's signed answer to this code says of the person.

        Raises:
            Refused: it gives none, or it is not meant for us, not signed by it, or too old.
        """
        document = await self._discovered()
        try:
            async with self._client(redirect) as client:
                token = await client.fetch_token(document["token_endpoint"], code=code, code_verifier=asked["verifier"])
                keys = (
                    (await client.request("GET", document["jwks_uri"], withhold_token=True)).raise_for_status().json()
                )
            decoded = jwt.decode(token["id_token"], KeySet.import_key_set(keys), algorithms=SIGNATURES)
            jwt.JWTClaimsRegistry(
                leeway=60,
                iss={"essential": True, "value": document["issuer"]},
                aud={"essential": True, "value": self._id},
                exp={"essential": True},
                sub={"essential": True},
                nonce={"essential": True, "value": asked["nonce"]},
            ).validate(decoded.claims)
        except (AuthlibBaseError, JoseError, httpx.HTTPError, KeyError, TypeError, ValueError) as error:
            log.warning("a sign-in at %s failed: %s", self.issuer, error or type(error).__name__)
            raise Refused("the identity provider's answer cannot be used; the log says why") from error
        return dict(decoded.claims)

    async def _discovered(self) -> dict[str, str]:
        if not self._document:
            try:
                async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS, trust_env=False) as http:
                    answer = await http.get(f"{self.issuer}/.well-known/openid-configuration")
                document = answer.raise_for_status().json()
                if document["issuer"].rstrip("/") != self.issuer:
                    raise ValueError(f"it calls itself {document['issuer']}")
                document = {name: str(document[name]) for name in NEEDED}
            except (httpx.HTTPError, KeyError, TypeError, ValueError, AttributeError) as error:
                log.warning("the identity provider %s cannot be used: %s", self.issuer, error)
                raise Refused("the identity provider cannot be reached; try again later") from error
            self._document = document
        return self._document

    def _client(self, redirect: str) -> AsyncOAuth2Client:
        return AsyncOAuth2Client(
            self._id,
            self._secret,
            scope="openid profile email",
            redirect_uri=redirect,
            code_challenge_method="S256",
            timeout=TIMEOUT_SECONDS,
            trust_env=False,
        )


def oidc_routes(atlas: Atlas, sign_in: SignIn) -> APIRouter:
    """/login/oidc and its way back."""
    router = APIRouter(include_in_schema=False)
    settings = atlas.settings
    provider, role = Provider(settings), Role(settings.oidc_role)
    secret = settings.secret_key.get_secret_value() if settings.secret_key else ""
    signer = URLSafeTimedSerializer(secret, salt="oidc")

    @router.get(START)
    async def begin(request: Request, next: str = "/app") -> Response:  # noqa: A002 (the query's name)
        names = ("state", "nonce", "verifier")
        asked = {name: secrets.token_urlsafe(32) for name in names} | {"next": local_path(next)}
        try:
            response = RedirectResponse(await provider.address(_redirect(request), asked), 303)
        except Refused as fault:
            return sign_in_page(sign_in, next, _sentence(fault), 503)
        response.set_cookie(
            COOKIE, str(signer.dumps(asked)), max_age=MINUTES * 60, path=START, httponly=True, samesite="lax"
        )
        return response

    @router.get(CALLBACK)
    async def come_back(request: Request, code: str = "", state: str = "", error: str = "") -> Response:
        try:
            asked = signer.loads(request.cookies.get(COOKIE, ""), max_age=MINUTES * 60)
        except BadSignature:
            return sign_in_page(sign_in, "/app", "That sign-in took too long, or began elsewhere; try again", 403)
        if error or not secrets.compare_digest(state.encode(), asked["state"].encode()):
            said = "The identity provider did not let you in" if error else "That sign-in began elsewhere; try again"
            return sign_in_page(sign_in, asked["next"], said, 403)
        try:
            claims = await provider.claims(_redirect(request), code, asked)
            name = str(claims.get("preferred_username") or claims.get("email") or claims["sub"])
            person = await atlas.access.by_subject(f"{provider.issuer} {claims['sub']}", name, role)
        except (Refused, InvalidInput) as fault:
            return sign_in_page(sign_in, asked["next"], _sentence(fault), 403)
        sign_in.has_people = True
        response = await sign_in.begin(request, person, asked["next"])
        response.delete_cookie(COOKIE, path=START)
        return response

    return router


def _redirect(request: Request) -> str:
    scheme = "https" if request.headers.get("x-forwarded-proto") == "https" else request.url.scheme
    return f"{scheme}://{request.headers.get('host', '')}{CALLBACK}"


def _sentence(fault: Exception) -> str:
    text = str(fault)
    return text[:1].upper() + text[1:]
