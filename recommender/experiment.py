"""Experiment assignment: a user keeps an arm for as long as the experiment keeps its name.

The arm is chosen before the list is made, and it decides which release and which policy make it. Canary and shadow traffic
are arms like any other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from core.errors import InvalidInput
from core.settings import CONFIGS
from core.toml_file import first_wrong, named_file, read_toml


class Arm(BaseModel):
    """A share of the users, and what makes their lists."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    share: float = Field(ge=0, le=1, description="share of the users, 0 to 1")
    release: str = Field("production", description="alias of the release in the registry")
    policy: str | None = Field(None, description="configs/pipelines/<policy>.toml; the one of MARQUEE_PIPELINE if left out")


class Experiment(BaseModel):
    """Named arms. Their shares sum to 1."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field("default", min_length=1, max_length=64)
    arms: Mapping[str, Arm] = Field(default_factory=lambda: {"control": Arm(share=1.0)}, min_length=1)

    @model_validator(mode="after")
    def _shares_sum_to_one(self) -> Experiment:
        total = sum(arm.share for arm in self.arms.values())
        if abs(total - 1.0) > 1e-9:
            raise ValueError(f"the shares sum to {total:g}; they must sum to 1")
        return self

    @classmethod
    def of(cls, values: dict[str, Any], where: str) -> Experiment:
        """From parsed TOML. Raises InvalidInput that names the field, its value and what is allowed."""
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            field, first = first_wrong(error)
            shown = first["input"] if field else {name: arm["share"] for name, arm in values["arms"].items()}
            raise InvalidInput(f"{field or 'arms'} in {where}", shown, str(first["msg"])) from error

    @classmethod
    def load(cls, name: str) -> Experiment:
        """From `configs/experiments/<name>.toml`. Raises NotFound, InvalidInput."""
        path = named_file(CONFIGS / "experiments", name, "experiment")
        return cls.of(read_toml(path, "experiment"), path.name)

    @property
    def largest(self) -> str:
        """The arm with the largest share."""
        return max(self.arms, key=lambda name: self.arms[name].share)

    def arm(self, user_id: int) -> str:
        """The arm of a user: stable, and independent between experiments with different names."""
        return drawn({name: arm.share for name, arm in self.arms.items()}, self.name, user_id)


def point(salt: str, user: int) -> float:
    """Where a user (key) falls, 0 to below 1: always at the same place under one salt, independently under two."""
    digest = hashlib.sha256(f"{salt}:{user}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def drawn(shares: Mapping[str, float], salt: str, user: int) -> str:
    """One of the names, with the probability of its share; the shares sum to 1."""
    at, reached = point(salt, user), 0.0
    for name, share in shares.items():
        reached += share
        if at < reached:
            return name
    return next(reversed(list(shares)))
