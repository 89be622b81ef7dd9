"""API keys: a file of their hashes, with what each may do.

A key is shown once, when it is made; the file has its SHA-256. Keys are 256 random bits, so a slow hash would add nothing: there
is no dictionary to try (OWASP's password rules are for what people choose). The file lies under home or is mounted as a secret;
running APIs read it again within seconds of a change.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from core.errors import InvalidInput, MarqueeError, NotFound
from core.ports import Clock
from serving.access.callers import Caller, Scope

PREFIX = "mq_"  # so that a scanner for leaked secrets knows one
NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"


class KeysUnreadable(MarqueeError):
    """The file of keys cannot be read."""

    status = 503
    slug = "keys-unreadable"
    title = "The file of API keys cannot be read"


class ApiKey(BaseModel):
    """A key as it is kept. Times in Unix seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(pattern=NAME)]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    scopes: Annotated[tuple[Scope, ...], Field(min_length=1)]
    created: float
    expires: float | None = None
    per_minute: Annotated[int, Field(ge=0)] | None = None

    @property
    def caller(self) -> Caller:
        return Caller(f"key {self.name}", frozenset(self.scopes), per_minute=self.per_minute)


_KEYS = TypeAdapter(list[ApiKey])


class KeyFile:
    """The keys of one file. Its methods raise KeysUnreadable where the file is not one of keys."""

    def __init__(self, path: Path, clock: Clock = time.time) -> None:
        self._path = path
        self._clock = clock
        self._read_at: tuple[int, int] | None = None  # the file's time of change and length when it was read
        self._by_hash: dict[str, ApiKey] = {}

    def all(self) -> Sequence[ApiKey]:
        """Every key, also expired ones, by name."""
        self._refresh()
        return sorted(self._by_hash.values(), key=lambda key: key.name)

    def find(self, secret: str) -> Caller | None:
        """Who holds a secret; None for nobody, or a key that has expired. A file that changed is read again."""
        self._refresh()
        key = self._by_hash.get(_hash(secret))
        return None if key is None or (key.expires is not None and key.expires <= self._clock()) else key.caller

    def create(self, name: str, scopes: Sequence[Scope], days: float | None = None, per_minute: int | None = None) -> str:
        """A new key's secret, kept nowhere; it expires after `days`. Raises InvalidInput, also for a name that is taken."""
        secret, now = PREFIX + secrets.token_urlsafe(32), self._clock()
        expires = None if days is None else now + days * 86_400
        try:
            key = ApiKey(
                name=name, sha256=_hash(secret), scopes=tuple(scopes), created=now, expires=expires, per_minute=per_minute
            )
        except ValidationError as error:
            wrong = error.errors()[0]
            raise InvalidInput(str(wrong["loc"][0]), wrong["input"], wrong["msg"]) from None
        with self._changing():
            if name in {known.name for known in self.all()}:
                raise InvalidInput("name", name, "one that no key has; `marquee keys revoke` ends a key")
            self._write([*self.all(), key])
        return secret

    def revoke(self, name: str, *, dry_run: bool = False) -> None:
        """Raises NotFound."""
        with self._changing():
            left = [key for key in self.all() if key.name != name]
            if len(left) == len(self._by_hash):
                raise NotFound(f"there is no key {name!r}; see `marquee keys list`")
            if not dry_run:
                self._write(left)

    def _refresh(self) -> None:
        try:
            found = self._path.stat()
            changed = found.st_mtime_ns, found.st_size
            if changed == self._read_at:
                return
            keys = _KEYS.validate_json(self._path.read_bytes())
        except FileNotFoundError:
            changed, keys = (0, 0), []
        except (OSError, ValidationError) as error:
            raise KeysUnreadable(f"{self._path}: {type(error).__name__}; mend it, or move it away and make new keys") from None
        self._read_at, self._by_hash = changed, {key.sha256: key for key in keys}

    def _write(self, keys: Sequence[ApiKey]) -> None:
        """Replaces the file at once, so that a reader has the old keys or the new ones."""
        new = self._path.with_suffix(".new")
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(_KEYS.dump_python(list(keys), mode="json"), file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._path)
        self._read_at = None

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """One process at a time: the file is read and written whole."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()
