"""A policy: how lists are made, as data. It lives outside releases and is known by a hash of all that it says.

Which sources are asked, what is filtered, how candidates are ordered, and how much is explored: two policies with the same
`id` make the same list from the same release, query and seed. Impressions carry the id, the lake's `policies` table the rest.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from core.errors import InvalidInput
from core.settings import CONFIGS
from core.toml_file import first_wrong, named_file, read_toml
from recommender.parts.boost import BoostConfig
from recommender.parts.fatigue import FATIGUE
from recommender.parts.maturity import MaturityConfig
from recommender.parts.new_items import NewItemsConfig
from recommender.parts.registry import AnyFilter, AnyHydrator, AnyScorer, AnySelector, AnySource
from recommender.parts.scorers import ReleaseConfig
from recommender.parts.selectors import EpsilonConfig, GreedyConfig
from recommender.slots import SlotConfig

SCORERS = ("lambdamart", "mlp", "retrieval")  # what the scorer `release` can turn out to be


class Policy(BaseModel):
    """The parts of a pipeline in order, each with its settings."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    name: str = Field(min_length=1, max_length=64)
    sources: tuple[AnySource, ...] = Field(alias="source", min_length=1)
    filters: tuple[AnyFilter, ...] = Field((), alias="filter")
    hydrators: tuple[AnyHydrator, ...] = Field((), alias="hydrator")
    scorers: tuple[AnyScorer, ...] = Field((), alias="scorer")
    selector: AnySelector
    slots: tuple[SlotConfig, ...] = Field((), alias="slot")

    @classmethod
    def of(cls, values: dict[str, Any], where: str) -> Policy:
        """From parsed TOML. Raises InvalidInput that names part, field, value and what is allowed."""
        try:
            policy = cls.model_validate(values)
        except ValidationError as error:
            field, first = first_wrong(error)
            raise InvalidInput(f"{field} in {where}", first["input"], _allowed(first)) from error
        featureless = next((one for one in policy.scorers if isinstance(one, BoostConfig) and one.features), None)
        if featureless is not None and not policy.hydrators:
            raise InvalidInput(f"when in {where}", featureless.when, "features only with the hydrator candidate_features")
        positions = [slot.position for slot in policy.slots if slot.from_ is None and slot.until is None]
        if len(set(positions)) < len(positions):
            raise InvalidInput(f"slot in {where}", positions, "each position once, unless times tell slots apart")
        names = [source.part for source in policy.sources]
        if len(set(names)) < len(names):
            raise InvalidInput(f"source in {where}", ", ".join(names), "each source once")
        return policy

    @classmethod
    def load(cls, name: str) -> Policy:
        """From `configs/pipelines/<name>.toml`. Raises NotFound, InvalidInput."""
        path = pipeline_path(name)
        return cls.of(read_toml(path, "pipeline"), path.name)

    @classmethod
    def named(cls, name: str) -> Policy:
        """From a TOML file, or by a name in `configs/pipelines`. Raises NotFound, InvalidInput."""
        path = Path(name)
        return cls.of(read_toml(path, "pipeline"), path.name) if path.suffix == ".toml" else cls.load(name)

    @classmethod
    def stored(cls, name: str, body: str) -> Policy:
        """From a row of the lake's table of policies. Raises InvalidInput for one that this code understands no more."""
        return cls.of({"name": name, **json.loads(body)}, f"policy {name}")

    @property
    def body(self) -> str:
        """All that decides a list, as JSON with sorted keys; the name is not part of it, nor is a setting that was left out."""
        left_out = {"name"} if self.slots else {"name", "slots"}
        return json.dumps(self.model_dump(mode="json", exclude=left_out, exclude_none=True), sort_keys=True)

    @property
    def id(self) -> str:
        """Twelve hex digits."""
        return hashlib.sha256(self.body.encode()).hexdigest()[:12]

    @property
    def tires(self) -> bool:
        """Whether it goes by what users were shown of late."""
        return any(one.part == FATIGUE for one in (*self.filters, *self.scorers))

    def exploring(self, epsilon: float) -> Policy:
        """The same policy with another exploration rate, where its selector has one. Raises InvalidInput."""
        if not 0 <= epsilon < 1:
            raise InvalidInput("exploration", epsilon, "0 to below 1")
        if not isinstance(self.selector, EpsilonConfig):
            return self
        return self.model_copy(update={"selector": self.selector.model_copy(update={"epsilon": epsilon})})

    def overridden(self, settings: Mapping[str, Mapping[str, Any]], where: str) -> Policy:
        """The same policy with other settings of some parts, by the part's name. Raises InvalidInput."""
        values = self.model_dump(by_alias=True)
        roles = (values["source"], values["filter"], values["hydrator"], values["scorer"], (values["selector"],))
        parts = [part for role in roles for part in role]
        names = [part["part"] for part in parts]
        for name, changed in settings.items():
            if names.count(name) != 1:
                allowed = (
                    f"a part that the policy {self.name} has once: {', '.join(one for one in names if names.count(one) == 1)}"
                )
                raise InvalidInput(f"overrides in {where}", name, allowed)
            if "part" in changed:
                raise InvalidInput(
                    f"overrides.{name}.part in {where}", changed["part"], "settings; another part needs a policy's file"
                )
            parts[names.index(name)].update(changed)
        return Policy.of(values, where) if settings else self

    def scored_by(self, scorer: str) -> Policy:
        """The same policy with `release`, the scorer that a release chooses, decided: one of SCORERS."""
        decided = tuple(
            TypeAdapter(AnyScorer).validate_python({"part": scorer}) if isinstance(one, ReleaseConfig) else one
            for one in self.scorers
        )
        return self.model_copy(update={"scorers": decided})

    def greedy(self) -> Policy:
        """What the policy believes is best, which is judged offline: without exploration and what only that needs.

        Also without slots, where nobody chooses, and without the filter by maturity, because a release does not hold what it goes
        by, and it would leave nothing.
        """
        sources = tuple(source for source in self.sources if not isinstance(source, NewItemsConfig))
        filters = tuple(one for one in self.filters if not isinstance(one, MaturityConfig))
        selector = GreedyConfig(caps=self.selector.caps)
        return self.model_copy(update={"selector": selector, "sources": sources, "filters": filters, "slots": ()})


def pipeline_path(name: str) -> Path:
    """The file of a named pipeline. Raises NotFound."""
    return named_file(CONFIGS / "pipelines", name, "pipeline")


def _allowed(error: Any) -> str:
    if error["type"] == "union_tag_invalid":
        return f"a part called {error['ctx']['expected_tags']}"
    return "no such setting; see docs/architecture.md" if error["type"] == "extra_forbidden" else str(error["msg"])
