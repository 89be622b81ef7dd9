"""What a build measured beyond the manifest's metrics, as a file of the bundle: learning curves, popularity, kinds of model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError

from core import bundle
from core.errors import BundleCorrupt

EPOCH = "epoch"


class ModelFigures(BaseModel):
    """One kind of model served by the same recommender: quality, and what it costs.

    The intervals are of the difference to what is served: 95 %, paired bootstrap over users.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    ndcg: float  # NDCG@10
    ndcg_low: float
    ndcg_high: float
    hr: float  # HR@10
    hr_low: float
    hr_high: float
    coverage: float  # share of the catalogue in the lists
    training_seconds: float
    milliseconds: float  # a list takes, median, with the user's encoding
    megabytes: float  # of its files in a bundle
    queries: int  # that it answered


class Figures(BaseModel):
    """See the module. Its figures are those of the judged twin, but for the curves called `refit`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    judged: str  # the table of what was judged, in Markdown
    popularity: dict[str, list[float]]  # `lifecycle.judging.Judgement`
    models: list[ModelFigures]  # what is served comes first
    curves: dict[str, list[tuple[int, float]]] = {}  # "learning/loss": epoch and value

    def with_curve(self, name: str, points: Sequence[Mapping[str, float]]) -> Self:
        """With the metrics of each epoch that has them (`retrieval.training.TrainedTowers.curve`)."""
        metrics = dict.fromkeys(metric for point in points for metric in point if metric != EPOCH)
        added = {f"{name}/{key}": [(int(point[EPOCH]), point[key]) for point in points if key in point] for key in metrics}
        return self.model_copy(update={"curves": {**self.curves, **added}})

    def write(self, folder: Path) -> None:
        (folder / bundle.FIGURES).write_text(self.model_dump_json(indent=2) + "\n")


def read_figures(folder: Path) -> Figures | None:
    """Those of a bundle; None for one of before there were any. Raises BundleCorrupt when they cannot be parsed."""
    path = folder / bundle.FIGURES
    if not path.is_file():
        return None
    try:
        return Figures.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise BundleCorrupt(f"{path} cannot be read: {error}") from error
