"""Which A/B experiments run, since when and by whom: entries of the promotion ledger, with the definition that was started.

A file in `configs/experiments` can change while its experiment runs; what runs is what was started.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from core.errors import InvalidInput, MarqueeError
from lifecycle.ledger import PromotionLedger
from lifecycle.ledger_entries import Action, LedgerEntry, Note, canonical
from recommender.experiments.definition import LayeredExperiment
from recommender.experiments.running import RunningExperiments

EXPERIMENT, DEFINITION = "experiment", "definition"  # in an entry's evidence
# Raises MarqueeError where these experiments cannot be served together.
Servable = Callable[[Sequence[LayeredExperiment]], object]
_log = logging.getLogger(__name__)


class NotRunning(MarqueeError):
    """The experiment does not run."""

    status = 409
    slug = "experiment-not-running"
    title = "The experiment does not run"


@dataclass(frozen=True)
class ExperimentRun:
    """One run of an experiment, from its start to its stop. Times are Unix seconds."""

    experiment: LayeredExperiment
    since: float
    actor: str
    why: str = ""
    until: float | None = None  # None while it runs
    stopped_by: str = ""
    stopped_why: str = ""


class ExperimentRecord:
    """The runs of an installation's experiments."""

    def __init__(self, ledger: PromotionLedger, servable: Servable = RunningExperiments) -> None:
        self._ledger = ledger
        self._servable = servable
        self._seen: int | None = None

    def runs(self) -> list[ExperimentRun]:
        """All runs, the oldest first. Raises LedgerUnavailable."""
        return _runs(self._ledger.entries())

    def running(self) -> list[LayeredExperiment]:
        """As they were started. Raises LedgerUnavailable."""
        return _running(self._ledger.entries())

    def look(self) -> list[LayeredExperiment] | None:
        """`running`, if the ledger has changed since the last look, else None. Raises LedgerUnavailable."""
        version = self._ledger.version()
        if version == self._seen:
            return None
        found = self.running()
        self._seen = version
        return found

    def start(self, experiment: LayeredExperiment, *, actor: str, why: str, dry_run: bool = False) -> None:
        """Processes that serve take it up within seconds.

        Raises ExperimentConflict, what `servable` raises, and LedgerUnavailable; then nothing is started.
        """
        self._servable([*self.running(), experiment])
        if dry_run:
            return
        evidence = canonical({EXPERIMENT: experiment.name, DEFINITION: experiment.model_dump(mode="json", exclude_defaults=True)})
        note = Note(Action.EXPERIMENT_STARTED, actor, "", self._ledger.clock(), why=why, evidence=evidence)

        def notes(entries: Sequence[LedgerEntry]) -> list[Note]:
            RunningExperiments([*_running(entries), experiment])  # again: another may have been started meanwhile
            return [note]

        self._ledger.extend(notes)

    def stop(self, name: str, *, actor: str, why: str, dry_run: bool = False) -> None:
        """Its users get again what they would get without it. Raises NotRunning, and LedgerUnavailable: then it goes on."""
        note = Note(Action.EXPERIMENT_STOPPED, actor, "", self._ledger.clock(), why=why, evidence=canonical({EXPERIMENT: name}))

        def notes(entries: Sequence[LedgerEntry]) -> list[Note]:
            names = {run.experiment.name for run in _runs(entries) if run.until is None}
            if name not in names:
                raise NotRunning(f"the experiment {name!r} does not run; running: {', '.join(sorted(names)) or 'none'}")
            return [note]

        if dry_run:
            notes(self._ledger.entries())
        else:
            self._ledger.extend(notes)


def _running(entries: Iterable[LedgerEntry]) -> list[LayeredExperiment]:
    return [run.experiment for run in _runs(entries) if run.until is None]


def _runs(entries: Iterable[LedgerEntry]) -> list[ExperimentRun]:
    found: list[ExperimentRun] = []
    at: dict[str, int] = {}  # the run of each experiment that runs
    for entry in entries:
        note = entry.note
        if note.action not in (Action.EXPERIMENT_STARTED, Action.EXPERIMENT_STOPPED):
            continue
        name = note.experiment
        if note.action is Action.EXPERIMENT_STARTED:
            try:
                experiment = LayeredExperiment.of(json.loads(note.evidence)[DEFINITION], f"ledger entry {entry.number}")
            except InvalidInput as error:
                _log.error("an experiment that runs is not served: a newer Marquee started it: %s", error.detail)
                continue
            at[name] = len(found)
            found.append(ExperimentRun(experiment, note.at, note.actor, note.why))
        elif name in at:
            run = at.pop(name)
            found[run] = replace(found[run], until=note.at, stopped_by=note.actor, stopped_why=note.why)
    return found
