"""What the routes for operators need of the composition root."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


class ReleaseControl(Protocol):
    """Lists releases and moves the production alias. Each call may block, so it runs in a thread.

    All raise DependencyUnavailable while the registry or the promotion ledger does not answer.
    """

    def listed(self, moves: int) -> Mapping[str, object]:
        """`releases` and the latest `moves`, as `serving.operate_models.Releases` says; without `serving`."""

    def promote(self, version: str, *, actor: str, why: str, dry_run: bool) -> Mapping[str, object]:
        """As `operate_models.Promoted` says. Raises NotFound, and PromotionRefused when the gate says no."""

    def rollback(self, *, actor: str, why: str, dry_run: bool) -> Mapping[str, object]:
        """As `operate_models.RolledBack` says. Raises NotFound when there is nothing to go back to."""


@dataclass(frozen=True)
class Operating:
    """Each function may block, so it runs in a thread, but `domain`."""

    domain: Mapping[str, object]  # as `operate_models.DomainWords` says
    releases: ReleaseControl
    acceptance: Callable[[int], Sequence[Mapping[str, object]]]  # of so many days, today included; raises DependencyUnavailable
    status: Callable[[str, int], Mapping[str, object]]  # for the release and the learned version that this process serves
