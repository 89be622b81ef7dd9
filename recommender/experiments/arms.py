"""What makes the lists of each arm: the arms of `MARQUEE_EXPERIMENT`, and each of them with every combination of variants."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from core.errors import InvalidInput
from recommender.experiment import Experiment
from recommender.experiments.definition import LayeredExperiment
from recommender.experiments.running import Assignment, RunningExperiments, arm_name
from recommender.policy import Policy

PRODUCTION = "production"
MAX_ARMS = 64  # each has a recommender, and each is a value of a metric's label
PolicyNamed = Callable[[str], Policy]


@dataclass(frozen=True, slots=True)
class ServedArm:
    """The alias of the release and the policy that make an arm's lists, and the share of the users that are in it."""

    release: str
    policy: Policy
    share: float


class ArmOfUser(NamedTuple):
    """The arm that makes a user's list, and the name under which it is logged: a forced variant is marked in it."""

    name: str
    logged: str


class ServedArms:
    """Every arm that a user can be in."""

    def __init__(
        self,
        experiment: Experiment,
        policies: Mapping[str, Policy],
        running: Sequence[LayeredExperiment] = (),
        policy_named: PolicyNamed = Policy.load,
    ) -> None:
        """`policies` are those of the experiment's arms. Raises ExperimentConflict; InvalidInput for overrides that do not
        fit the policy, and for more than MAX_ARMS; NotFound for a policy without a file.
        """
        self._experiment = experiment
        self._running = RunningExperiments(running)
        combinations = self._running.combinations()
        if len(experiment.arms) * len(combinations) > MAX_ARMS:
            count = len(experiment.arms) * len(combinations)
            raise InvalidInput(
                "experiments", count, f"at most {MAX_ARMS} combinations of variants; use the same layer, or stop one"
            )
        by_name = {one.name: one for one in running}
        self.arms = {
            arm_name(base, assignment): self._combined(base, policies[base], assignment, by_name, policy_named)
            for base in experiment.arms
            for assignment in combinations
        }

    @property
    def main(self) -> str:
        """The largest arm of `MARQUEE_EXPERIMENT`, without any experiment."""
        return self._experiment.largest

    @property
    def running(self) -> tuple[LayeredExperiment, ...]:
        return self._running.experiments

    @property
    def aliases(self) -> tuple[str, ...]:
        """The release aliases that arms are served from."""
        return tuple(dict.fromkeys(arm.release for arm in self.arms.values()))

    def of(self, user: int, forced: Mapping[str, str] | None = None) -> ArmOfUser:
        """The arm of a user (key); `forced`: see `RunningExperiments.assignment`. Raises NotFound."""
        base, assignment = self._experiment.arm(user), self._running.assignment(user, forced)
        logged = arm_name(base, assignment)
        if not any(one.forced for one in assignment):
            return ArmOfUser(logged, logged)
        return ArmOfUser(arm_name(base, (one._replace(forced=False) for one in assignment)), logged)

    def _combined(
        self,
        base: str,
        policy: Policy,
        assignment: Assignment,
        experiments: Mapping[str, LayeredExperiment],
        policy_named: PolicyNamed,
    ) -> ServedArm:
        release, share = self._experiment.arms[base].release, self._experiment.arms[base].share
        chosen = [(one.experiment, experiments[one.experiment].variants[one.variant]) for one in assignment]
        # a policy's file first: what is overridden is a setting of the policy that serves
        for name, variant in sorted(chosen, key=lambda pair: pair[1].policy is None):
            named = policy_named(variant.policy) if variant.policy else None
            policy = variant.applied(policy, named, f"experiment {name}")
            release = variant.release or release
        return ServedArm(release, policy, share * self._running.share(assignment))
