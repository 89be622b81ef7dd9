"""JSON Web Tokens of users (RFC 7519, as an OpenID Connect provider issues them): each is for the data of one user alone.

Only signatures with a public key are accepted, so that nothing here is a secret and a token cannot name a weaker algorithm
(RFC 8725, section 3.1). The provider's keys are read again as its rotation needs; while it cannot be reached the last ones hold.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from dataclasses import dataclass
from pathlib import Path

import jwt

from core.errors import DependencyUnavailable
from core.ids import parse_id
from core.ports import Monotonic
from serving.access.callers import Caller, Scope
from serving.access.refusals import Unauthorized

log = logging.getLogger(__name__)

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
LEEWAY = 30.0  # seconds by which two clocks may differ


@dataclass(frozen=True)
class TokenConfig:
    """Whose tokens are believed. `keys` is the address (http, https) or the file of a JSON Web Key Set."""

    keys: str
    issuer: str
    audience: str
    user_claim: str = "sub"  # the claim that has the user's id
    fresh: float = 300.0  # seconds for which the keys are believed without looking again
    pause: float = 10.0  # seconds between two looks, however many tokens name a key that is not known
    timeout: float = 5.0  # seconds for one look


class Tokens:
    """Verifies tokens. Used from one event loop."""

    def __init__(self, config: TokenConfig, clock: Monotonic = time.monotonic) -> None:
        self._config = config
        self._clock = clock
        self._keys: dict[str, jwt.PyJWK] = {}  # by key id
        self._read_at = self._looked_at = float("-inf")
        self._looking = asyncio.Lock()

    async def caller(self, token: str) -> Caller:
        """The user whom a token is for. Raises Unauthorized, and DependencyUnavailable while no key was ever read."""
        try:
            name = str(jwt.get_unverified_header(token).get("kid", ""))
            claims = jwt.decode(
                token,
                await self._key(name),
                algorithms=ALGORITHMS,
                audience=self._config.audience,
                issuer=self._config.issuer,
                leeway=LEEWAY,
                options={"require": ["exp", self._config.user_claim]},
            )
            user = parse_id(claims[self._config.user_claim])
        except (jwt.PyJWTError, ValueError) as error:
            raise Unauthorized(f"the token is not accepted: {error}") from None
        return Caller("a user's token", frozenset((Scope.READ, Scope.EVENTS)), user)

    async def _key(self, name: str) -> jwt.PyJWK:
        """Raises DependencyUnavailable, PyJWTError."""
        now = self._clock()
        if (name not in self._keys or now - self._read_at > self._config.fresh) and now - self._looked_at > self._config.pause:
            async with self._looking:
                if self._clock() - self._looked_at > self._config.pause:
                    await self._look()
        if not self._keys:
            raise DependencyUnavailable("the token provider", "its keys could not be read", "see MARQUEE_JWT_KEYS")
        if name not in self._keys:
            raise jwt.InvalidKeyError("it is signed with a key that its provider does not name")
        return self._keys[name]

    async def _look(self) -> None:
        self._looked_at = self._clock()
        try:
            found = await asyncio.to_thread(_read, self._config)
        except (jwt.PyJWTError, OSError, ValueError) as error:
            log.warning("the keys of the token provider cannot be read, the last ones hold: %s", error)
            return
        self._keys, self._read_at = {key.key_id: key for key in found.keys if key.key_id}, self._clock()


def _read(config: TokenConfig) -> jwt.PyJWKSet:
    """Blocks. Raises PyJWTError, OSError, ValueError."""
    if config.keys.startswith(("http://", "https://")):
        return jwt.PyJWKClient(config.keys, cache_jwk_set=False, timeout=config.timeout).get_jwk_set()
    return jwt.PyJWKSet.from_dict(json.loads(Path(config.keys).read_bytes()))
