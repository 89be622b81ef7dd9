"""The experiments that run at one moment: whether they may run together, and which user is in which variant of which."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from core.errors import InvalidInput, NotFound
from recommender.experiment import drawn, point
from recommender.experiments.definition import BUCKETS, POLICY, RELEASE, LayeredExperiment
from recommender.split import ARMS

FORCED = "!"  # behind a variant that its user did not get by chance
_PART = re.compile(rf"-(?:{'|'.join(ARMS.values())})$")
_ASSIGNED = re.compile(r"^([a-z0-9][a-z0-9_-]*):([a-z0-9][a-z0-9_-]*?)(!?)$")


class ExperimentConflict(InvalidInput):
    """Two experiments cannot run at the same time."""

    status = 409
    slug = "experiment-conflict"
    title = "The experiment conflicts with one that runs"


class Assigned(NamedTuple):
    """A variant of an experiment; `forced` says that the user is in it on purpose, and is left out of the analysis."""

    experiment: str
    variant: str
    forced: bool = False

    def __str__(self) -> str:
        return f"{self.experiment}:{self.variant}{FORCED if self.forced else ''}"


Assignment = tuple[Assigned, ...]  # by the experiment's name; at most one of each layer


def arm_name(base: str, assignment: Iterable[Assigned]) -> str:
    """The name under which lists are logged: the arm of `MARQUEE_EXPERIMENT`, and the variant of each experiment."""
    return "+".join([base, *map(str, assignment)])


def assignment_of(arm: str) -> Assignment:
    """What `arm_name` was made of; the part of a rollout that may stand behind it belongs to no experiment."""
    found = (_ASSIGNED.match(part) for part in _PART.sub("", arm).split("+")[1:])
    return tuple(Assigned(match[1], match[2], bool(match[3])) for match in found if match)


class RunningExperiments:
    """Experiments that may run together."""

    def __init__(self, experiments: Sequence[LayeredExperiment] = ()) -> None:
        """Raises ExperimentConflict that names two of them, and why they may not."""
        self.experiments = tuple(sorted(experiments, key=lambda one: one.name))
        for one, other in itertools.combinations(experiments, 2):
            _require_compatible(other, one)
        self._layers: dict[str, list[LayeredExperiment]] = {}
        for one in self.experiments:
            self._layers.setdefault(one.layer, []).append(one)

    def assignment(self, user: int, forced: Mapping[str, str] | None = None) -> Assignment:
        """The variants of a user (key). `forced`, experiment -> variant, goes before the experiments' own forced users.

        Raises NotFound for an experiment that does not run, and for a variant that it does not have.
        """
        forced = forced or {}
        for name, variant in forced.items():
            self._require(name, variant)
        found = (self._in_layer(layer, members, user, forced) for layer, members in self._layers.items())
        return tuple(sorted(one for one in found if one is not None))

    def combinations(self) -> list[Assignment]:
        """Every assignment that a user can have, nothing at all first."""
        layers = [
            [None, *(Assigned(one.name, variant) for one in members for variant in one.variants)]
            for members in self._layers.values()
        ]
        return [tuple(sorted(one for one in chosen if one is not None)) for chosen in itertools.product(*layers)]

    def share(self, assignment: Assignment) -> float:
        """The share of the users that have an assignment by chance."""
        chosen, share = {one.experiment: one.variant for one in assignment}, 1.0
        for members in self._layers.values():
            inside = [one for one in members if one.name in chosen]
            widths = {one.name: (one.buckets[1] - one.buckets[0]) / BUCKETS for one in members}
            if inside:
                share *= widths[inside[0].name] * inside[0].variants[chosen[inside[0].name]].share
            else:
                share *= 1 - sum(widths.values())
        return share

    def _in_layer(
        self, layer: str, members: Sequence[LayeredExperiment], user: int, forced: Mapping[str, str]
    ) -> Assigned | None:
        for one in members:
            if one.name in forced:
                return Assigned(one.name, forced[one.name], True)
        for one in members:
            if user in one.forced_keys:
                return Assigned(one.name, one.forced_keys[user], True)
        bucket = int(point(f"layer {layer}", user) * BUCKETS)
        for one in members:
            if one.buckets[0] <= bucket < one.buckets[1]:
                # the salt has the experiment in it: who had the treatment of the last one is anywhere in the next
                return Assigned(one.name, variant_of(one, user))
        return None

    def _require(self, name: str, variant: str) -> None:
        one = next((one for one in self.experiments if one.name == name), None)
        if one is None:
            running = ", ".join(one.name for one in self.experiments) or "none"
            raise NotFound(f"no experiment {name!r} runs; running: {running}", experiment=name)
        if variant not in one.variants:
            raise NotFound(f"experiment {name} has no variant {variant!r}; it has {', '.join(one.variants)}", variant=variant)


def variant_of(experiment: LayeredExperiment, user: int) -> str:
    """The variant of a user (key) whose bucket is one of the experiment's."""
    return drawn(experiment.shares, f"layer {experiment.layer} experiment {experiment.name}", user)


def _require_compatible(new: LayeredExperiment, running: LayeredExperiment) -> None:
    if new.name == running.name:
        raise ExperimentConflict("experiment", new.name, "one that does not run yet")
    if new.layer == running.layer:
        if new.buckets[0] < running.buckets[1] and running.buckets[0] < new.buckets[1]:
            free = f"buckets of the layer {new.layer!r} that {running.name!r} does not have; it has {list(running.buckets)}"
            raise ExperimentConflict(f"buckets of {new.name}", list(new.buckets), free)
        return
    if same := _both_change(new.changes, running.changes):
        allowed = f"what {running.name!r} in the layer {running.layer!r} does not change too; put both into one layer"
        raise ExperimentConflict(f"changes of {new.name}", ", ".join(same), allowed)


def _both_change(one: frozenset[str], other: frozenset[str]) -> list[str]:
    """A policy from a file decides every setting of every part."""
    both = set(one & other)
    for first, second in ((one, other), (other, one)):
        if POLICY in first:
            both |= second - {RELEASE}
    return sorted(both)
