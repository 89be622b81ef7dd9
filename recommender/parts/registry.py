"""Every part by role: a new part is a file beside these and one more entry here."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from recommender.parts.boost import BoostConfig
from recommender.parts.candidate_features import CandidateFeaturesConfig
from recommender.parts.diversity import DppConfig, MmrConfig
from recommender.parts.drop import DropConfig
from recommender.parts.external import ExternalConfig
from recommender.parts.fatigue import FatigueFilterConfig, FatigueScorerConfig
from recommender.parts.freshness import FreshnessConfig
from recommender.parts.genre_popular import GenrePopularConfig
from recommender.parts.item_to_item import EaseSourceConfig, TransitionsConfig
from recommender.parts.language import LanguageConfig
from recommender.parts.linear_bandit import LinearBanditConfig
from recommender.parts.long_tail import LongTailConfig
from recommender.parts.maturity import MaturityConfig
from recommender.parts.new_items import NewItemsConfig
from recommender.parts.new_releases import NewReleasesConfig
from recommender.parts.popular import PopularConfig
from recommender.parts.popular_segment import PopularSegmentConfig
from recommender.parts.scorers import LambdaMartConfig, MlpScorerConfig, ReleaseConfig, RetrievalConfig
from recommender.parts.seen import SeenConfig
from recommender.parts.selectors import EpsilonConfig, GreedyConfig, PlackettLuceConfig
from recommender.parts.session import SessionConfig
from recommender.parts.similar import SimilarConfig
from recommender.parts.trending import TrendingConfig
from recommender.parts.two_tower import TwoTowerConfig
from recommender.parts.value import ValueConfig

_BY_NAME = Field(discriminator="part")

AnySource = Annotated[
    TwoTowerConfig
    | TransitionsConfig
    | EaseSourceConfig
    | SimilarConfig
    | GenrePopularConfig
    | PopularSegmentConfig
    | PopularConfig
    | TrendingConfig
    | NewReleasesConfig
    | NewItemsConfig
    | LongTailConfig
    | ExternalConfig,
    _BY_NAME,
]
AnyFilter = Annotated[SeenConfig | MaturityConfig | LanguageConfig | DropConfig | FatigueFilterConfig, _BY_NAME]
AnyHydrator = CandidateFeaturesConfig
AnyOrderScorer = ReleaseConfig | LambdaMartConfig | MlpScorerConfig | RetrievalConfig
AnyRuleScorer = BoostConfig | ValueConfig | FreshnessConfig | SessionConfig | FatigueScorerConfig | MmrConfig | DppConfig
AnyScorer = Annotated[AnyOrderScorer | AnyRuleScorer, _BY_NAME]
AnySelector = Annotated[EpsilonConfig | GreedyConfig | PlackettLuceConfig | LinearBanditConfig, _BY_NAME]
