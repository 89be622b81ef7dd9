"""Caps of a selector: at most so many items of a list may have the same genre, series or whatever else groups them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from core.catalogue import Catalogue
from ranking.policies.caps import Caps

Groups = NDArray[np.bool_]  # [n, groups]


class CapConfig(BaseModel):
    """How many items of a list may be of one group. An item of no group is never capped."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    by: Literal["genre", "tag", "person", "keyword", "language", "series", "decade"] = Field(description="what makes a group")
    most: int = Field(ge=1, le=100, description="items of a list that may have one of them in common")
    prefix: str = Field("", description='only groups that begin so, such as "mood:" with by = "tag"')

    def groups(self, catalogue: Catalogue, rows: NDArray[np.intp]) -> Groups:
        """Which of the groups that catalogue rows [n] have each is of. [n, groups]"""
        if self.by == "genre":
            named = [at for at, name in enumerate(catalogue.genre_names) if name.startswith(self.prefix)]
            return np.asarray(catalogue.genres[rows][:, named] > 0, dtype=np.bool_)
        return _table([[name for name in names if name.startswith(self.prefix)] for names in self._names(catalogue, rows)])

    def _names(self, catalogue: Catalogue, rows: NDArray[np.intp]) -> Iterable[Sequence[str]]:
        at = rows.tolist()
        if self.by == "decade":
            years = catalogue.years[rows].tolist()
            return [[f"{int(year) // 10 * 10}s"] if year > 0 else [] for year in years]
        if self.by in ("language", "series"):
            one = catalogue.languages if self.by == "language" else catalogue.series
            return [[one[row]] if one[row] else [] for row in at]
        column = {"tag": catalogue.tags, "person": catalogue.people, "keyword": catalogue.keywords}[self.by]
        return [column[row] if column else () for row in at]


def caps_of(configs: Sequence[CapConfig], catalogue: Catalogue, rows: NDArray[np.intp]) -> Caps | None:
    """The caps on candidates at catalogue rows [n]; None without any."""
    if not configs:
        return None
    groups = [config.groups(catalogue, rows) for config in configs]
    most = [np.full(table.shape[1], config.most, dtype=np.intp) for config, table in zip(configs, groups, strict=True)]
    return Caps(np.concatenate(groups, axis=1), np.concatenate(most))


def _table(names: Sequence[Sequence[str]]) -> Groups:
    column = {name: at for at, name in enumerate(dict.fromkeys(name for of_one in names for name in of_one))}
    table = np.zeros((len(names), len(column)), dtype=np.bool_)
    for row, of_one in enumerate(names):
        table[row, [column[name] for name in of_one]] = True
    return table
