"""Follows which experiments run; one that cannot be served here is set aside, with the reason, and tried again at every look."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from core.errors import MarqueeError
from recommender.experiments.arms import ServedArms
from recommender.experiments.definition import LayeredExperiment

# The experiments that run now, if that is new since the last look.
LookAtExperiments = Callable[[], Sequence[LayeredExperiment] | None]
# The arms with these experiments, ready to be served. Raises MarqueeError where they cannot be.
ArmsWith = Callable[[Sequence[LayeredExperiment]], ServedArms]
_log = logging.getLogger(__name__)


class FollowedExperiments:
    """Not thread-safe: one follower looks."""

    def __init__(self, look: LookAtExperiments, arms_with: ArmsWith) -> None:
        self._look = look
        self._arms_with = arms_with
        self._wanted: tuple[LayeredExperiment, ...] = ()
        self.set_aside: dict[str, str] = {}  # name -> why

    def look(self, now: ServedArms) -> ServedArms | None:
        """The arms to serve instead of those of now; None where nothing changes. Raises DependencyUnavailable."""
        found = self._look()
        if found is not None:
            self._wanted = tuple(found)
        if found is None and not self.set_aside:
            return None
        before, self.set_aside = self.set_aside, {}
        arms = self._arms_with(())
        for one in self._wanted:
            try:
                arms = self._arms_with((*arms.running, one))
            except MarqueeError as error:
                self.set_aside[one.name] = error.detail
                if before.get(one.name) != error.detail:
                    _log.error("the experiment %s cannot be served: %s", one.name, error.detail)
        if arms.running == now.running:
            return None
        _log.info("experiments: %s", ", ".join(one.name for one in arms.running) or "none")
        return arms
