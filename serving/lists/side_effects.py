"""What happens beside an answer: every list that is shown is logged with the propensities that evaluation needs."""

from __future__ import annotations

import numpy as np

from core.catalogue import Catalogue
from core.events import Impression
from core.experiment import Experiment
from core.pipeline import Candidates, Query
from core.ports import Record
from serving.lists.write_behind import WriteBehind

LOG_IMPRESSIONS = "log_impressions"


class LogImpressions:
    """Hands one Impression per position to the log's writer, which makes them durable a moment later.

    Raises DependencyUnavailable when the writer is full; the list is served all the same.
    """

    name = LOG_IMPRESSIONS

    def __init__(
        self, writer: WriteBehind, catalogue: Catalogue, model_version: str, policy: str, experiment: Experiment
    ) -> None:
        """`policy` names the selector that chose."""
        self._writer = writer
        self._catalogue = catalogue
        self._model_version = model_version
        self._policy = policy
        self._experiment = experiment

    def run(self, query: Query, chosen: Candidates) -> None:
        if not len(chosen):
            return
        propensities = np.ones(len(chosen)) if chosen.propensities is None else chosen.propensities
        arm = self._experiment.arm(query.user_id)
        shown = zip(self._catalogue.ids[chosen.rows].tolist(), propensities.tolist(), chosen.scores.tolist(), strict=True)
        impressions = [
            Impression(
                request_id=query.request_id,
                user_id=query.user_id,
                item_id=item_id,
                position=position,
                propensity=propensity,
                score=score,
                policy=self._policy,
                arm=arm,
                model_version=self._model_version,
                ts=query.now,
            )
            for position, (item_id, propensity, score) in enumerate(shown)
        ]
        key = str(query.user_id)
        self._writer.submit([Record(key, i.event_id, i.model_dump_json().encode()) for i in impressions])
