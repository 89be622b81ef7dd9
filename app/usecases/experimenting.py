"""Starts and stops A/B experiments: the files that define them, the ledger that says which run, and what can be served."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from app import wiring
from app.usecases.rolling_out import shown
from core.errors import InvalidInput
from core.settings import Settings
from lifecycle.experiments import ExperimentRecord, ExperimentRun
from recommender.experiments.definition import FOLDER, LayeredExperiment, defined


@dataclass(frozen=True)
class ExperimentOperations:
    """See `serving.routes.api.ExperimentControl`."""

    record: ExperimentRecord
    folder: Path = FOLDER  # of the files that define experiments

    def listed(self) -> list[dict[str, object]]:
        """See `ExperimentControl`."""
        latest = {run.experiment.name: run for run in self.record.runs()}
        files = defined(self.folder)
        return [_state(name, files.get(name), latest.get(name)) for name in sorted(files.keys() | latest.keys())]

    def start(self, name: str, *, actor: str, why: str, dry_run: bool) -> None:
        """See `ExperimentControl`."""
        self.record.start(LayeredExperiment.load(name, self.folder), actor=actor, why=why, dry_run=dry_run)

    def stop(self, name: str, *, actor: str, why: str, dry_run: bool) -> None:
        """See `ExperimentControl`."""
        self.record.stop(name, actor=actor, why=why, dry_run=dry_run)


def operations(settings: Settings) -> ExperimentOperations:
    """Those of this installation: what is started has to be such that this home can serve it."""

    def servable(experiments: Sequence[LayeredExperiment]) -> None:
        from app.hosting import policies_of, policy_named
        from recommender.experiment import Experiment
        from recommender.experiments.arms import ServedArms

        base = Experiment.load(settings.experiment)
        arms = ServedArms(base, policies_of(settings, base), experiments, lambda name: policy_named(settings, name))
        registry = wiring.registry(settings)
        for alias in arms.aliases:
            registry.version(alias)

    return ExperimentOperations(ExperimentRecord(wiring.ledger(settings), servable))


def _state(name: str, file: LayeredExperiment | InvalidInput | None, run: ExperimentRun | None) -> dict[str, Any]:
    """What runs or ran, as it was started; else what the file says."""
    known: dict[str, Any] = {"name": name, "state": "defined"}
    if run is not None:
        known |= {"state": "running" if run.until is None else "stopped", "since": run.since, "until": run.until}
        known |= {"actor": run.stopped_by or run.actor, "why": run.stopped_why or run.why}
    if isinstance(file, InvalidInput):
        known |= {"fault": file.detail} | ({"state": "faulty"} if run is None else {})
    experiment = run.experiment if run is not None else file
    if isinstance(experiment, LayeredExperiment):
        shares = {variant: one.share for variant, one in experiment.variants.items()}
        known |= {
            "layer": experiment.layer,
            "buckets": list(experiment.buckets),
            "question": experiment.question,
            "shares": shares,
        }
    return known


def table(states: Iterable[Mapping[str, Any]]) -> Table:
    """What `listed` says, for people."""
    found = Table("experiment", "state", "layer", "buckets", "variants", "since", "until", "who", "why")
    for one in states:
        variants = ", ".join(f"{name} {share:.0%}" for name, share in one.get("shares", {}).items())
        buckets = "-".join(map(str, one.get("buckets", ())))
        times = (shown(one[at]) if one.get(at) else "" for at in ("since", "until"))
        said = one.get("fault") or one.get("why", "")
        told = (one["name"], one["state"], one.get("layer", ""), buckets, variants, *times, one.get("actor", ""), said)
        found.add_row(*map(escape, told))
    return found
