"""The training configuration: one frozen object, read from `configs/training/*.toml`.

Seed, device and progress bar are arguments of the training function, not configuration: they do not change what is built.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from core.errors import InvalidInput
from core.features import HISTORY_LENGTH


class TrainConfig(BaseModel):
    """What to build and how to train it. Flat, so that a manifest and a tracker can store it as it is."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    # the towers
    dim: int = Field(64, ge=4, le=1024, description="width of both towers and length of an embedding")
    block: Literal["sasrec", "ligr"] = Field("ligr", description="encoder block of the user tower")
    blocks: int = Field(2, ge=1, le=24, description="encoder blocks")
    heads: int = Field(2, ge=1, le=32, description="attention heads; must divide dim")
    dropout: float = Field(0.2, ge=0, lt=1, description="dropout in the user tower")
    id_dropout: float = Field(0.1, ge=0, lt=1, description="share of items per step that are known by content alone")
    similarity: Literal["dot", "cosine"] = Field("dot", description="how a user meets an item")
    temperature: float = Field(1.0, gt=0, le=10, description="scores are divided by it in the loss")
    history_length: int = Field(HISTORY_LENGTH, ge=1, le=HISTORY_LENGTH, description="most events that one window shows")

    # the optimisation
    loss: Literal["full", "sampled"] = Field("full", description="softmax over every known item, or over shared negatives")
    negatives: int = Field(1000, ge=1, le=1_000_000, description="shared uniform negatives of the sampled softmax")
    epochs: int = Field(20, ge=1, le=10_000)
    batch_events: int = Field(2048, ge=1, le=1_000_000, description="events in a batch, padding included")
    learning_rate: float = Field(1e-3, gt=0, le=1)
    weight_decay: float = Field(0.01, ge=0, le=10)
    gradient_clip: float = Field(1.0, gt=0, le=1000, description="largest L2 norm of the gradient")
    ema: float = Field(0.0, ge=0, lt=1, description="decay of the averaged weights that are evaluated and exported; 0 is off")

    # the choice of the best epoch
    validation_share: float = Field(0.05, ge=0, le=0.5, description="latest share of the events that is held out; 0 is none")
    patience: int = Field(3, ge=1, le=1000, description="epochs without a better validation NDCG@10 before training stops")

    @model_validator(mode="after")
    def _heads_divide_dim(self) -> Self:
        if self.dim % self.heads:
            raise InvalidInput("heads", self.heads, f"a divisor of dim ({self.dim})")
        return self

    @classmethod
    def of(cls, **values: object) -> Self:
        """From keyword values. Raises InvalidInput that names field, value and what is allowed."""
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(str(part) for part in first["loc"])
            allowed = f"one of {', '.join(cls.model_fields)}" if first["type"] == "extra_forbidden" else first["msg"]
            raise InvalidInput(field, first["input"], allowed) from error

    @classmethod
    def load(cls, path: Path) -> Self:
        """From a TOML file. Raises InvalidInput for a file that cannot be read, an unknown key or a value out of range."""
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise InvalidInput("training config", str(path), f"a readable TOML file ({error})") from error
        return cls.of(**values)
