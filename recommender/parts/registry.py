"""Every part by role: a new part is a file beside these and one more entry here."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from recommender.parts.candidate_features import CandidateFeaturesConfig
from recommender.parts.item_to_item import EaseSourceConfig, TransitionsConfig
from recommender.parts.new_items import NewItemsConfig
from recommender.parts.popular import PopularConfig
from recommender.parts.popular_segment import PopularSegmentConfig
from recommender.parts.scorers import LambdaMartConfig, ReleaseConfig, RetrievalConfig
from recommender.parts.seen import SeenConfig
from recommender.parts.selectors import EpsilonConfig, GreedyConfig
from recommender.parts.two_tower import TwoTowerConfig

_BY_NAME = Field(discriminator="part")

AnySource = Annotated[
    TwoTowerConfig | TransitionsConfig | EaseSourceConfig | PopularSegmentConfig | PopularConfig | NewItemsConfig, _BY_NAME
]
AnyFilter = SeenConfig
AnyHydrator = CandidateFeaturesConfig
AnyScorer = Annotated[ReleaseConfig | LambdaMartConfig | RetrievalConfig, _BY_NAME]
AnySelector = Annotated[EpsilonConfig | GreedyConfig, _BY_NAME]
