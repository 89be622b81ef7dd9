"""Before a route runs: who sent the request, whether they may, and whether they ask too often."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from core.ids import ExternalId, user_key
from serving.access.audit import AuditLog
from serving.access.callers import ANYBODY, OPERATOR, Caller, Scope
from serving.access.guesses import Guesses
from serving.access.keys import KeyFile
from serving.access.rates import Allowance, Rates
from serving.access.refusals import Forbidden, Unauthorized

if TYPE_CHECKING:
    from serving.access.tokens import Tokens

ADMIN_HEADER, KEY_HEADER, TOKEN_HEADER = "x-admin-key", "x-api-key", "authorization"
_BEARER = "bearer "


@dataclass(frozen=True)
class AccessControl:
    """`open_to_all`: a request without a key or token may read and send events; otherwise it may nothing."""

    keys: KeyFile
    rates: Rates
    audit: AuditLog
    admin_key: str | None = None
    tokens: Tokens | None = None
    open_to_all: bool = True
    guesses: Guesses = field(default_factory=Guesses)

    async def admit(
        self, headers: Mapping[str, str], scope: Scope, user: ExternalId | None, address: str | None = None
    ) -> tuple[Caller, Allowance | None]:
        """Who sent a request that needs `scope` and is about `user`, if about one, and what is left to them; `address` sent it.

        Raises Unauthorized, Forbidden, TooManyRequests, KeysUnreadable, DependencyUnavailable.
        """
        caller = await self.caller(headers, address)
        self.require(caller, scope)
        if user is not None:
            caller.require_touch(user)
        return caller, await self._count(caller, user)

    async def caller(self, headers: Mapping[str, str], address: str | None = None) -> Caller:
        """A wrong key or token is refused also where none is needed: whoever sends one means it to count."""
        admin, key, token = headers.get(ADMIN_HEADER), headers.get(KEY_HEADER), headers.get(TOKEN_HEADER)
        if admin is not None or key is not None:
            given = admin if admin is not None else key or ""
            self.guesses.check(address, given)
            try:
                found = self._operator(given) if admin is not None else self._holder(given)
            except (Unauthorized, Forbidden):
                self.guesses.was_wrong(address)
                raise
            self.guesses.was_right(address, given)
            return found
        if token is not None and self.tokens is not None:
            if not token.lower().startswith(_BEARER):
                raise Unauthorized("the header Authorization has no token; send: Bearer TOKEN")
            return await self.tokens.caller(token[len(_BEARER) :].strip())
        return ANYBODY if self.open_to_all else _NOBODY

    def _holder(self, given: str) -> Caller:
        found = self.keys.find(given)
        if found is None:
            raise Unauthorized("the key in the header X-Api-Key is not known, or has expired")
        return found

    def _operator(self, given: str) -> Caller:
        if self.admin_key is None:
            raise Forbidden(_ADMIN_OFF)
        if not hmac.compare_digest(given.encode(), self.admin_key.encode()):
            raise Forbidden("the key in the header X-Admin-Key is not the admin key")
        return OPERATOR

    def require(self, caller: Caller, scope: Scope) -> None:
        """Raises Unauthorized, Forbidden."""
        if caller.may(scope):
            return
        if caller.name is not None:
            raise Forbidden(f"{caller.name} does not have the scope {scope.value!r}")
        if scope is not Scope.ADMIN:
            raise Unauthorized("send an API key with the scope " + f"{scope.value!r} in the header X-Api-Key, or a user's token")
        if self.admin_key is None and not any(Scope.ADMIN in key.scopes for key in self.keys.all()):
            raise Forbidden(_ADMIN_OFF)
        raise Unauthorized("send the admin key in the header X-Admin-Key, or a key with the scope 'admin' in X-Api-Key")

    async def _count(self, caller: Caller, user: ExternalId | None) -> Allowance | None:
        """By key, else by user. Who says neither is not counted: behind a proxy one address is everybody."""
        if caller is OPERATOR:
            return None
        about = caller.user if caller.user is not None else user
        if caller.name is not None and caller.user is None:
            return await self.rates.count(caller.name, caller.per_minute)
        return None if about is None else await self.rates.count(f"user {user_key(about)}")


_ADMIN_OFF = "admin routes are off; set MARQUEE_ADMIN_KEY, or make a key: marquee keys create NAME --scope admin"
_NOBODY = Caller(None, frozenset())
