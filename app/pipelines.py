"""Pipeline configuration -> parts. A pipeline is a list of parts in a TOML file; this module knows what each name means."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from app.releases import Release
from core.errors import InvalidInput, NotFound
from core.pipeline import Filter, Hydrator, Pipeline, Scorer, Selector, SideEffect, Source, TimedSource
from core.ports import VectorIndex
from core.settings import CONFIGS
from ranking.filters import SeenFilter
from ranking.hydrator import FeatureHydrator
from ranking.ranker import RankScorer, RetrievalScorer
from ranking.selectors import EpsilonSelector, GreedySelector
from retrieval.sources import PopularSource, TwoTowerSource


def pipeline_path(name: str) -> Path:
    """The file of a named pipeline. Raises NotFound."""
    path = CONFIGS / "pipelines" / f"{name}.toml"
    if not path.is_file():
        known = ", ".join(sorted(found.stem for found in path.parent.glob("*.toml")))
        raise NotFound(f"there is no pipeline {name!r}; configs/pipelines has {known}")
    return path


def assemble(
    config: Mapping[str, Any],
    release: Release,
    index: VectorIndex,
    exploration: float,
    side_effects: tuple[SideEffect, ...] = (),
) -> Pipeline:
    """The pipeline of one release. Raises InvalidInput for a part that does not exist or lacks a setting."""
    try:
        return _assemble(config, release, index, exploration, side_effects)
    except KeyError as error:
        raise InvalidInput("pipeline", config.get("name"), f"every part with its settings; {error} is missing") from error


def _assemble(
    config: Mapping[str, Any],
    release: Release,
    index: VectorIndex,
    exploration: float,
    side_effects: tuple[SideEffect, ...],
) -> Pipeline:
    return Pipeline(
        name=config["name"],
        sources=[TimedSource(_source(part, release, index), part["timeout_ms"] / 1e3) for part in config["source"]],
        filters=[_filter(part, release) for part in config.get("filter", [])],
        hydrators=[_hydrator(part, release) for part in config.get("hydrator", [])],
        scorers=[_scorer(part, release) for part in config.get("scorer", [])],
        selector=_selector(config["selector"], exploration),
        side_effects=side_effects,
    )


def _source(part: Mapping[str, Any], release: Release, index: VectorIndex) -> Source:
    match part["part"]:
        case "two_tower":
            return TwoTowerSource(index, release.encoder, release.catalogue, release.name, part["k"])
        case "popular":
            return PopularSource(release.stats, release.catalogue, part["k"])
    raise _unknown("source", part, "two_tower, popular")


def _filter(part: Mapping[str, Any], release: Release) -> Filter:
    if part["part"] == "seen":
        return SeenFilter(release.catalogue)
    raise _unknown("filter", part, "seen")


def _hydrator(part: Mapping[str, Any], release: Release) -> Hydrator:
    if part["part"] == "candidate_features":
        return FeatureHydrator(release.catalogue, release.stats, release.item_vectors)
    raise _unknown("hydrator", part, "candidate_features")


def _scorer(part: Mapping[str, Any], release: Release) -> Scorer:
    match part["part"]:
        case "release":
            return RankScorer(release.ranker) if release.ranks else RetrievalScorer()
        case "lambdamart":
            return RankScorer(release.ranker)
        case "retrieval":
            return RetrievalScorer()
    raise _unknown("scorer", part, "release, lambdamart, retrieval")


def _selector(part: Mapping[str, Any], exploration: float) -> Selector:
    match part["part"]:
        case "epsilon":
            return EpsilonSelector(exploration, part["pool"])
        case "greedy":
            return GreedySelector()
    raise _unknown("selector", part, "epsilon, greedy")


def _unknown(role: str, part: Mapping[str, Any], known: str) -> InvalidInput:
    return InvalidInput(f"{role}.part", part["part"], known)
