"""Moves the `production` alias: promotion through the gate, and rollback."""

from __future__ import annotations

from core.errors import MarqueeError, NotFound
from core.ports import ModelRegistry
from lifecycle.gates import GateResult

PRODUCTION = "production"
PREVIOUS = "previous"


class PromotionRefused(MarqueeError):
    """The release did not pass the gate. `failed` names the checks."""

    status = 409
    slug = "promotion-refused"
    title = "The release did not pass the gate"

    def __init__(self, version: str, verdict: GateResult) -> None:
        failed = "; ".join(f"{check.name} ({check.detail})" for check in verdict.failed)
        super().__init__(
            f"version {version} stays out of production: it failed {failed}; promote it anyway with --force",
            version=version,
            failed=[check.name for check in verdict.failed],
        )


def promote(registry: ModelRegistry, version: str, verdict: GateResult, force: bool = False) -> None:
    """Make a version production; what was production becomes `previous`. Promoting it twice changes nothing.

    Raises PromotionRefused when the gate failed and `force` is not set, NotFound for an unknown version.
    """
    version = registry.version(version)
    if not verdict.passed and not force:
        raise PromotionRefused(version, verdict)
    current = _version_or_none(registry, PRODUCTION)
    if current == version:
        return
    if current is not None:
        # first: a crash in between leaves production as it was, and `previous` equal to it
        registry.point(PREVIOUS, current)
    registry.point(PRODUCTION, version)


def rollback(registry: ModelRegistry) -> str:
    """Make `previous` production again; returns its version. Raises NotFound when there is nothing to go back to.

    `previous` stays where it is: a second rollback must not return to the release that was just left.
    """
    previous = _version_or_none(registry, PREVIOUS)
    if previous is None or previous == _version_or_none(registry, PRODUCTION):
        raise NotFound("there is no earlier release to go back to; choose one with `marquee release promote VERSION`")
    registry.point(PRODUCTION, previous)
    return previous


def _version_or_none(registry: ModelRegistry, alias: str) -> str | None:
    try:
        return registry.version(alias)
    except NotFound:
        return None
