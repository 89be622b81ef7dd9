"""Who was exposed to which variant: users whose lists were logged under it, by chance."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from core import columns as c
from recommender.experiments.running import assignment_of

VARIANT, FORCED, FIRST = "variant", "forced", "first"


@dataclass(frozen=True, eq=False)
class Exposures:
    """`users` has a row for each user who counts: USER, VARIANT, FIRST (Unix seconds of the first list)."""

    users: pl.DataFrame
    forced: int  # users who were in a variant on purpose at any time, and do not count
    switched: int  # users who were in several variants, and do not count; assignment is stable, so there should be none

    def rows(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The rows of these users, of any table with USER and TS, from their first list on; with VARIANT and FIRST."""
        return frame.join(self.users, on=c.USER).filter(pl.col(c.TS) >= pl.col(FIRST))


def labelled(rows: pl.DataFrame, experiment: str) -> pl.DataFrame:
    """The rows, of any table with ARM, that are of this experiment; with VARIANT and FORCED."""
    found = [
        (arm, one.variant, one.forced)
        for arm in rows[c.ARM].unique()
        for one in assignment_of(arm)
        if one.experiment == experiment
    ]
    schema = {c.ARM: pl.String, VARIANT: pl.String, FORCED: pl.Boolean}
    return rows.join(pl.DataFrame(found, schema=schema, orient="row"), on=c.ARM)


def exposures(shown: pl.DataFrame, experiment: str) -> Exposures:
    """Of rows with ARM, USER and TS: the lake's impressions."""
    users = (
        labelled(shown, experiment)
        .group_by(c.USER)
        .agg(
            pl.col(VARIANT).sort_by(c.TS).first(),
            pl.col(c.TS).min().alias(FIRST),
            pl.col(FORCED).any(),
            pl.col(VARIANT).n_unique().alias("variants"),
        )
        .sort(c.USER)
    )
    by_chance = users.filter(~pl.col(FORCED))
    kept = by_chance.filter(pl.col("variants") == 1).select(c.USER, VARIANT, FIRST)
    return Exposures(kept, forced=len(users) - len(by_chance), switched=len(by_chance) - len(kept))
