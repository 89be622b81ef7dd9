"""The search space of a tuning study: which fields of a training configuration vary, read from `configs/tuning/*.toml`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Self, cast

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, ValidationError, model_validator

from core.errors import InvalidInput
from core.toml_file import read_toml
from retrieval.config import TrainConfig

if TYPE_CHECKING:
    from optuna import Trial

Value = bool | int | float | str
_FROZEN = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Choices(BaseModel):
    """One of a few values."""

    model_config = _FROZEN

    choices: tuple[Value, ...] = Field(min_length=1)

    @property
    def extremes(self) -> tuple[Value, ...]:
        """The values that stand for all of them in a validity check."""
        return self.choices

    def holds(self, value: Value) -> bool:
        return value in self.choices

    def suggest(self, trial: Trial, name: str) -> Value:
        return cast(Value, trial.suggest_categorical(name, self.choices))

    def __str__(self) -> str:
        return "one of " + ", ".join(map(str, self.choices))


class Range(BaseModel):
    """A number from `low` to `high`, in steps or on a logarithmic scale; an integer if both ends are integers."""

    model_config = _FROZEN

    low: int | float
    high: int | float
    step: int | float | None = Field(None, gt=0)
    log: bool = False

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.low < self.high:
            raise ValueError(f"low ({self.low}) must be below high ({self.high})")
        if self.log and (self.step is not None or self.low <= 0):
            raise ValueError("a logarithmic range takes no step and starts above 0")
        if self.is_integer and isinstance(self.step, float):
            raise ValueError(f"between integers the step must be an integer too, not {self.step}")
        return self

    @property
    def is_integer(self) -> bool:
        return isinstance(self.low, int) and isinstance(self.high, int)

    @property
    def extremes(self) -> tuple[Value, ...]:
        return self.low, self.high

    def holds(self, value: Value) -> bool:
        if not isinstance(value, int | float) or not self.low <= value <= self.high:
            return False
        steps = (value - self.low) / self.step if self.step else 0.0
        return abs(steps - round(steps)) < 1e-6

    def suggest(self, trial: Trial, name: str) -> Value:
        if self.is_integer:
            return trial.suggest_int(name, int(self.low), int(self.high), step=int(self.step or 1), log=self.log)
        return trial.suggest_float(name, self.low, self.high, step=self.step, log=self.log)

    def __str__(self) -> str:
        scale = ", logarithmic" if self.log else f" in steps of {self.step}" if self.step else ""
        return f"{self.low} to {self.high}{scale}"


def _shape(value: object) -> str:
    return "choices" if isinstance(value, Choices) or (isinstance(value, dict) and "choices" in value) else "range"


Parameter = Annotated[Annotated[Choices, Tag("choices")] | Annotated[Range, Tag("range")], Discriminator(_shape)]


class Pruning(BaseModel):
    """When a trial that falls behind is pruned."""

    model_config = _FROZEN

    kind: Literal["median", "hyperband", "off"] = Field("median", description="rule of giving a trial up")
    startup_trials: int = Field(4, ge=0, description="median: complete trials before any is given up")
    warm_up_epochs: int = Field(2, ge=0, description="epochs that every trial may run")


class SearchSpace(BaseModel):
    """What varies (`parameters`), what every trial sets differently from the base configuration (`fixed`), and the pruning."""

    model_config = _FROZEN

    parameters: dict[str, Parameter] = Field(min_length=1)
    fixed: dict[str, Value] = Field(default_factory=dict)
    pruning: Pruning = Pruning()

    @classmethod
    def of(cls, **values: object) -> Self:
        """From keyword values. Raises InvalidInput that names field, value and what is allowed."""
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            problem = error.errors()[0]
            where = [str(part) for part in problem["loc"]]
            if where[0] == "parameters" and len(where) > 2:
                del where[2]  # the tag of the union member
            allowed = problem["msg"].removeprefix("Value error, ")
            if problem["type"] == "missing" and len(where) > 2:
                allowed = "choices = [...], or low = ... and high = ... (with step = ... or log = true)"
            field = ".".join(where)
            raise InvalidInput(field, problem["input"], allowed) from error

    @classmethod
    def load(cls, path: Path) -> Self:
        """From a TOML file. Raises InvalidInput for a file that cannot be read, an unknown key or a value out of range."""
        return cls.of(**read_toml(path, "search space"))

    def check(self, base: TrainConfig) -> None:
        """Checks that all limits of the ranges fit the base configuration and that trials are comparable. Raises InvalidInput."""
        for name, parameter in self.parameters.items():
            if name in self.fixed:
                raise InvalidInput(f"parameters.{name}", parameter.model_dump(), "a field that is not in `fixed` as well")
            for value in parameter.extremes:
                self.configuration(base, {name: value})
        config = self.configuration(base, {})
        if config.validation == "time" and config.validation_share == 0:
            raise InvalidInput("validation_share", 0.0, "above 0 (set it in [fixed]): trials are compared on held-out events")

    def values_of(self, config: TrainConfig) -> dict[str, Value]:
        """A configuration's values of the parameters, as far as the space contains them."""
        values = {name: getattr(config, name) for name in self.parameters}
        return {name: value for name, value in values.items() if self.parameters[name].holds(value)}

    def suggest(self, trial: Trial) -> dict[str, Value]:
        """The trial's values."""
        return {name: parameter.suggest(trial, name) for name, parameter in self.parameters.items()}

    def configuration(self, base: TrainConfig, values: dict[str, Value]) -> TrainConfig:
        """The base configuration with the fixed settings and these values. Raises InvalidInput if they are incompatible."""
        return TrainConfig.of(**(base.model_dump() | self.fixed | values))
