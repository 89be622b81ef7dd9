"""Why each item is on a list, measured on what made it: its history by leaving it out, the ranker by its own contributions.

Takes as long as a dozen lists, and a processor: on demand, and in a thread.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from core.errors import DependencyUnavailable
from core.features import UserFeatures
from core.titles import as_written
from ranking.reasons import EXPLORED, HISTORY, NEW, POPULAR, TASTE, TOLD, USER, Explanation, FeatureGroup, by_group, enjoyed
from recommender.candidates import Candidates
from recommender.drawn_from import NEW_ITEMS
from recommender.influence import Influence, influence
from recommender.live import Snapshot
from recommender.onboarding import primed
from recommender.parts.popular_segment import POPULAR_SEGMENT
from recommender.parts.scorers import RankScorer
from recommender.roles import Query, Selection
from recommender.runner import Pipeline

MAX_REASONS = 3
_ITEMS = 2  # of the history that the reasons of one item name
_SHARE = 0.5  # of the strongest effect: what another item of the history needs to be named as well
_FAVOURITES = 3  # genres that count as a user's taste
# Of an item that a source found by the user's history, where no item of it stands out.
_GOES_WITH = Explanation(HISTORY, "Goes with what you took up lately")


class Explainer:
    """Explains the lists of one pipeline on one release as it stands now."""

    def __init__(self, now: Snapshot, pipeline: Pipeline) -> None:
        self._now = now
        self._pipeline = pipeline

    def explain(self, query: Query, selection: Selection) -> list[list[Explanation]]:
        """At most `MAX_REASONS` for each shown item. What a source that is down would say is left out."""
        user, told = primed(self._now, query.user)
        query = replace(query, user=user)
        try:
            scored = self._pipeline.scored(query, self._pipeline.eligible(query))
            found = influence(self._now, self._pipeline, query, selection.rows, scored)
            groups = self._groups(scored, selection.rows)
        except DependencyUnavailable:
            found, groups = None, {}
        explained = []
        for at in range(len(selection)):
            reasons = self._explored(user, selection, at)
            reasons += self._history(user, found, told, at)
            reasons += self._ranker(user, groups, int(selection.rows[at]), at, named=any(one.item for one in reasons))
            reasons += self._filled_up(selection, at) or ([] if reasons else [_GOES_WITH])
            explained.append(reasons[:MAX_REASONS])
        return explained

    def _explored(self, user: UserFeatures | None, selection: Selection, at: int) -> list[Explanation]:
        """Exploration is owned up to only where there is a taste to leave, and called different only where it is."""
        if not selection.explored[at] or user is None or not (self._now.catalogue.rows(user.item_ids) >= 0).any():
            return []
        genres = self._now.catalogue.genres_of(int(selection.rows[at]))
        if genres and user.genres and not set(genres) & set(user.genres):
            return [Explanation(EXPLORED, f"Something different: {genres[0]}, which you have not taken up yet")]
        return [Explanation(EXPLORED, "Shown to find out whether you like it")]

    def _history(self, user: UserFeatures | None, found: Influence | None, told: Mapping[int, str], at: int) -> list[Explanation]:
        """The items of the history without which the score would be lowest."""
        if user is None or found is None or not len(found.items):
            return []
        effects = found.effects[:, at]
        strongest = np.argsort(-effects, kind="stable")[:_ITEMS]
        named = [one for one in strongest.tolist() if effects[one] > 0 and effects[one] >= _SHARE * effects[strongest[0]]]
        because = [self._because(user, told, int(found.items[one]), float(effects[one])) for one in named]
        return list({one.text: one for one in reversed(because)}.values())[::-1]  # one answer may stand behind two items

    def _because(self, user: UserFeatures, told: Mapping[int, str], item: int, effect: float) -> Explanation:
        if item in told:
            return Explanation(TOLD, f"Because you told us that you like {told[item]}", item, effect)
        at = self._now.facts.row(item)
        title = self._now.facts.title(at) if at >= 0 else ""
        name = as_written(title) or self._now.facts.id_of(item)
        text = f"Because you enjoyed {name}" if enjoyed(user, item) else f"Because of {name}, which you came across"
        return Explanation(HISTORY, text, item, effect)

    def _groups(self, scored: Candidates, rows: NDArray[np.intp]) -> Mapping[FeatureGroup, NDArray[np.float32]]:
        """What the ranker found in favour of each shown item [m], where the ranker orders; nothing for one it did not see."""
        ranker = next((one for one in self._pipeline.scorers if isinstance(one, RankScorer)), None)
        if ranker is None:
            return {}
        place = {row: at for at, row in enumerate(scored.rows.tolist()) if scored.ranked[at]}
        seen = np.array([place.get(row, -1) for row in rows.tolist()], dtype=np.intp)
        names, contributions = ranker.contributions(scored, seen[seen >= 0])
        every = np.zeros((len(rows), len(names)), dtype=np.float32)
        every[seen >= 0] = contributions
        return by_group(names, every)

    def _ranker(
        self, user: UserFeatures | None, groups: Mapping[FeatureGroup, NDArray[np.float32]], row: int, at: int, named: bool
    ) -> list[Explanation]:
        """The group of features that speaks most for the item. What an item of the history says is not said twice."""
        said = {USER, HISTORY} if named else {USER}  # features of the user alone are the same for every item
        sums = {group: float(values[at]) for group, values in groups.items() if group.code not in said}
        best = max(sums, key=sums.__getitem__, default=None)
        if best is None or sums[best] <= 0:
            return []
        shared = self._shared_genres(user, row) if best.code == TASTE else []
        text = f"Matches your taste for {' and '.join(shared[:2])}" if shared else best.text
        return [Explanation(best.code, text, effect=sums[best])]

    def _shared_genres(self, user: UserFeatures | None, row: int) -> list[str]:
        if user is None:
            return []
        favourites = [user.genres[g] for g in np.argsort(-user.genre_weights)[:_FAVOURITES]]
        return [genre for genre in favourites if genre in self._now.catalogue.genres_of(row)]

    def _filled_up(self, selection: Selection, at: int) -> list[Explanation]:
        """For an item that no source of the user's own found."""
        primary = [timed.source.name for timed in self._pipeline.sources if not timed.fills]
        if selection.found_by(*primary)[at]:
            return []
        if selection.found_by(NEW_ITEMS)[at] and selection.explored[at]:
            return [Explanation(NEW, "New here")]
        if selection.found_by(POPULAR_SEGMENT)[at]:
            return [Explanation(POPULAR, "Popular now with people like you")]
        return [Explanation(POPULAR, "Popular now")]
