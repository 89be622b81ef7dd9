"""Typed errors. Each carries what HTTP, the command line and a dead letter need to say the same thing.

An error names the field, the value and the allowed range, so that whoever caused it can fix it; `status` is the
HTTP status that RFC 9457 problem details answer with, `slug` the last part of their `type`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class MarqueeError(Exception):
    """The root of every error that Marquee raises on purpose."""

    status = 500
    slug = "internal"
    title = "Internal error"

    def __init__(self, detail: str, **extensions: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.extensions = extensions


class InvalidInput(MarqueeError):
    """A value is outside its contract."""

    status = 422
    slug = "invalid-input"
    title = "A value is outside its allowed range"

    def __init__(self, field: str, value: Any, allowed: str) -> None:
        super().__init__(f"{field} is {value!r}; allowed: {allowed}", field=field, value=repr(value), allowed=allowed)
        self.field = field


class DatasetError(MarqueeError):
    """A data set cannot be read or breaks its own rules."""

    status = 422
    slug = "bad-dataset"
    title = "The data set cannot be used"


class NotFound(MarqueeError):
    """A named thing does not exist."""

    status = 404
    slug = "not-found"
    title = "Not found"


class SchemaMismatch(MarqueeError):
    """A release uses features that this code does not compute."""

    status = 503
    slug = "schema-mismatch"
    title = "The release does not fit this code"

    def __init__(self, release: str, missing: Sequence[str]) -> None:
        """`missing` names each feature that the release uses and the code does not compute."""
        super().__init__(
            f"release {release} uses what this code does not compute: {', '.join(missing)}; "
            "build a new release with `marquee release build`, or run the code version of the release",
            release=release,
            lacking=list(missing),
        )


class BundleCorrupt(MarqueeError):
    """A file of a release bundle is missing or is not the one that was registered."""

    status = 503
    slug = "bundle-corrupt"
    title = "The release bundle is damaged"


class IdCollision(MarqueeError):
    """The id has the same key as an id that came earlier, so nothing is stored or done under it (see `core.ids`)."""

    status = 409
    slug = "id-collision"
    title = "The id has the key of another id"

    def __init__(self, field: str, value: Any) -> None:
        allowed = "the id that came first, or an id with another key; docs/decisions/0015 says why"
        errors = [{"field": field, "value": value, "allowed": allowed}]
        super().__init__(f"{field} {value!r} has the key of another id that came earlier; nothing was changed", errors=errors)


class DependencyUnavailable(MarqueeError):
    """A service is down, slow or full. `service` names it, `remedy` says what to do."""

    status = 503
    slug = "dependency-unavailable"
    title = "A required service is unavailable"
    how_it_is = "is unavailable"

    def __init__(self, service: str, reason: str, remedy: str = "see docs/runbook.md") -> None:
        super().__init__(f"{service} {self.how_it_is}: {reason}; {remedy}", service=service)
        self.service = service
        self.reason = reason


class StorageFull(DependencyUnavailable):
    """A disk refuses writes: nothing was acknowledged."""

    slug = "storage-unavailable"
    title = "The event could not be stored"


class DependencyRefused(DependencyUnavailable):
    """A service answers, and refuses this process: nothing changes by asking it again.

    A process that cannot do its work without it ends, so that its supervisor starts it again; one that can goes on without it.
    """

    slug = "dependency-refused"
    title = "A required service refuses this process"
    how_it_is = "answers, and refuses this process"


class AlreadyRunning(MarqueeError):
    """Another process holds this home folder or port."""

    status = 409
    slug = "already-running"
    title = "Already running"
