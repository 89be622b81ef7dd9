"""An A/B experiment, as its file in `configs/experiments` defines it.

Experiments of one layer share the layer's buckets and exclude each other; those of different layers overlap, and are assigned
independently (Tang, Agarwal, O'Brien and Meyer, KDD 2010, "Overlapping experiment infrastructure").
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from core.errors import InvalidInput, NotFound
from core.ids import parse_id, user_key
from core.settings import CONFIGS
from core.toml_file import first_wrong, named_file, read_toml
from recommender.policy import Policy
from recommender.split import ARMS

BUCKETS = 1000  # of a layer
RELEASE, POLICY = "release", "policy"
FOLDER = CONFIGS / "experiments"
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]
_STRICT = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Variant(BaseModel):
    """A share of the experiment's users, and what is different for them. Without a difference it is a control."""

    model_config = _STRICT

    share: float = Field(gt=0, le=1, description="share of the experiment's users, above 0, at most 1")
    release: str | None = Field(None, min_length=1, description="alias of the release in the registry")
    policy: str | None = Field(None, min_length=1, description="configs/pipelines/<policy>.toml")
    exploration: float | None = Field(None, ge=0, lt=1, description="probability that a position explores")
    overrides: Mapping[str, Mapping[str, Any]] = Field(
        default_factory=dict, description="part of the policy -> its other settings"
    )

    @property
    def settings(self) -> dict[str, dict[str, Any]]:
        """The overrides, with the exploration rate as one of them."""
        found = {part: dict(values) for part, values in self.overrides.items()}
        if self.exploration is not None:
            found.setdefault("epsilon", {})["epsilon"] = self.exploration
        return found

    @property
    def changes(self) -> frozenset[str]:
        """What is different for its users: RELEASE, POLICY, and `part.setting` for each override."""
        files = {name for name in (RELEASE, POLICY) if getattr(self, name) is not None}
        return frozenset(files | {f"{part}.{name}" for part, values in self.settings.items() for name in values})

    def applied(self, policy: Policy, named: Policy | None, where: str) -> Policy:
        """The policy of its users; `named` is the file's, if it names one. Raises InvalidInput that names the part."""
        return (named or policy).overridden(self.settings, where)


class LayeredExperiment(BaseModel):
    """Variants for the users in some buckets of a layer."""

    model_config = _STRICT

    name: Name
    layer: Name
    buckets: tuple[int, int] = Field((0, BUCKETS), description=f"the first bucket, and the one behind the last, 0 to {BUCKETS}")
    question: str = Field("", max_length=500, description="what it is to answer")
    control: str = Field("control", description="the variant that the others are compared with")
    variants: Mapping[Name, Variant] = Field(min_length=2)
    forced: Mapping[str, str] = Field(default_factory=dict, description="user id -> variant; left out of the analysis")
    min_effect: float = Field(0.05, gt=0, le=1, description="smallest change that matters, as a share of the control's mean")
    level: float = Field(0.05, gt=0, lt=0.5, description="probability of a false alarm, over all looks and variants of a metric")
    power: float = Field(0.8, gt=0.5, lt=1, description="probability with which a change of min_effect is to be found")

    @model_validator(mode="after")
    def _check(self) -> LayeredExperiment:
        low, high = self.buckets
        if not 0 <= low < high <= BUCKETS:
            raise ValueError(f"buckets are {low} to {high}; allowed: 0 <= first < end <= {BUCKETS}")
        total = sum(variant.share for variant in self.variants.values())
        if abs(total - 1) > 1e-9:
            raise ValueError(f"the shares of the variants sum to {total:g}; they must sum to 1")
        if not any(variant.changes for variant in self.variants.values()):
            raise ValueError("no variant changes anything; allowed: at least one with release, policy, exploration or overrides")
        if self.control not in self.variants:
            raise ValueError(f"control is {self.control!r}; allowed: {', '.join(self.variants)}")
        if wrong := sorted(set(self.forced.values()) - set(self.variants)):
            raise ValueError(f"forced names the variant {wrong[0]!r}; allowed: {', '.join(self.variants)}")
        if ending := [name for name in self.variants if name.endswith(tuple(f"-{end}" for end in ARMS.values()))]:
            raise ValueError(f"a variant is called {ending[0]!r}; allowed: names that do not end like a part of a rollout")
        return self

    @classmethod
    def of(cls, values: Mapping[str, Any], where: str) -> LayeredExperiment:
        """From parsed TOML or JSON. Raises InvalidInput that names the field, its value and what is allowed."""
        try:
            made = cls.model_validate(values)
        except ValidationError as error:
            field, first = first_wrong(error)
            raise InvalidInput(
                f"{field or 'experiment'} in {where}", first["input"] if field else values.get("name"), str(first["msg"])
            ) from error
        made._check_forced_users(where)
        return made

    @classmethod
    def load(cls, name: str, folder: Path = FOLDER) -> LayeredExperiment:
        """From `configs/experiments/<name>.toml`. Raises NotFound, InvalidInput."""
        path = named_file(folder, name, "experiment")
        values = read_toml(path, "experiment")
        if not is_layered(values):
            raise NotFound(f"{path.name} has arms for MARQUEE_EXPERIMENT and is no A/B experiment: it has no layer")
        made = cls.of(values, path.name)
        if made.name != name:
            raise InvalidInput(f"name in {path.name}", made.name, f"{name!r}, the name of the file")
        return made

    @property
    def changes(self) -> frozenset[str]:
        """What any of its variants changes."""
        return frozenset().union(*(variant.changes for variant in self.variants.values()))

    @cached_property
    def shares(self) -> dict[str, float]:
        """By variant, in an order that does not depend on that of the file: assignment goes by it."""
        return {name: self.variants[name].share for name in sorted(self.variants)}

    @cached_property
    def forced_keys(self) -> dict[int, str]:
        """The variants of users (keys) who do not take part by chance."""
        return {user_key(parse_id(user)): variant for user, variant in self.forced.items()}

    def _check_forced_users(self, where: str) -> None:
        for user in self.forced:
            try:
                parse_id(user)
            except ValueError as error:
                raise InvalidInput(f"forced in {where}", user, str(error).removeprefix("allowed: ")) from error


def is_layered(values: Mapping[str, Any]) -> bool:
    """Whether a file defines an A/B experiment, and not the arms of `MARQUEE_EXPERIMENT`."""
    return "arms" not in values


def defined(folder: Path = FOLDER) -> dict[str, LayeredExperiment | InvalidInput]:
    """Every A/B experiment that has a file, by name; for a file that says something wrong, what is wrong with it."""
    found: dict[str, LayeredExperiment | InvalidInput] = {}
    for path in sorted(folder.glob("*.toml")):
        try:
            if is_layered(read_toml(path, "experiment")):
                found[path.stem] = LayeredExperiment.load(path.stem, folder)
        except InvalidInput as error:
            found[path.stem] = error
    return found
