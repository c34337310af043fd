"""Encrypts what must not be read from the database: credentials and sessions of channels."""

import base64
import json
from typing import Any

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from engine.errors import PermanentError


class Vault:
    """Fernet (AES-128-CBC with HMAC) under a key derived from the secret key by HKDF (RFC 5869)."""

    def __init__(self, secret_key: str) -> None:
        derived = HKDF(SHA256(), 32, None, b"job-runner credentials").derive(secret_key.encode())
        self._fernet = Fernet(base64.urlsafe_b64encode(derived))

    def seal(self, value: dict[str, Any]) -> str:
        """Encrypt a JSON-able value."""
        return self._fernet.encrypt(json.dumps(value).encode()).decode()

    def open(self, sealed: str) -> dict[str, Any]:
        """Decrypt what `seal` made.

        Raises:
            PermanentError: the secret key is another one now.
        """
        try:
            value: dict[str, Any] = json.loads(self._fernet.decrypt(sealed.encode()))
        except InvalidToken:
            raise PermanentError(
                "The stored credentials cannot be read with the present JOB_RUNNER_SECRET_KEY; "
                "set the former key, or connect the channel again"
            ) from None
        return value
