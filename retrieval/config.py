"""The training configuration: one frozen object, read from `configs/training/*.toml`.

Seed, device and progress bar are arguments of the training function, not configuration: they do not change what is built.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from core.errors import InvalidInput
from core.toml_file import first_wrong, read_toml

ARCHITECTURE = ("dim", "block", "blocks", "heads", "expansion", "similarity")  # what decides the shape of the weights
# what no training depends on: it says what is made of trained towers
AFTERWARDS = ("members", "spectral_rank", "spectral_window", "spectral_decay", "spectral_weight")


class TrainConfig(BaseModel):
    """What to build and how to train it. Flat, so that a manifest and a tracker can store it as it is."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    # the towers
    dim: int = Field(64, ge=4, le=1024, description="width of both towers and length of an embedding")
    block: Literal["sasrec", "ligr", "hstu"] = Field("ligr", description="encoder block of the user tower")
    blocks: int = Field(2, ge=1, le=24, description="encoder blocks")
    heads: int = Field(2, ge=1, le=32, description="attention heads; dim must be an even multiple of it")
    expansion: int = Field(2, ge=1, le=8, description="hidden width of a block's feed-forward net, in multiples of dim")
    dropout: float = Field(0.2, ge=0, lt=1, description="dropout in the user tower")
    id_dropout: float = Field(0.1, ge=0, lt=1, description="share of items per step that are known by content alone")
    similarity: Literal["dot", "cosine"] = Field("dot", description="how a user meets an item")
    temperature: float = Field(1.0, gt=0, le=10, description="scores are divided by it in the loss")
    history_length: int = Field(100, ge=1, le=1000, description="most events that the user tower reads")

    members: int = Field(1, ge=1, le=8, description="towers of as many seeds side by side; their scores add up")

    # the spectral channel beside the trained one; it is no part of the training, so changing it trains nothing again
    spectral_rank: int = Field(0, ge=0, le=1024, description="dimensions of the spectral channel; 0 is off")
    spectral_window: int = Field(20, ge=1, le=1000, description="likings apart up to which two items stand close")
    spectral_decay: float = Field(0.9, gt=0, le=1, description="of an event's weight per later event of the user")
    spectral_weight: float = Field(0.4, ge=0, le=100, description="spread of its scores, in that of the trained ones")

    # the loss
    loss: Literal["full", "sampled", "mixed", "gbce"] = Field(
        "full", description="softmax over every known item, over shared uniform or logQ-corrected mixed negatives, or gBCE"
    )
    negatives: int = Field(1000, ge=1, le=1_000_000, description="shared negatives of every loss but the full softmax")
    calibration: float = Field(0.75, ge=0, le=1, description="t of gBCE: 0 is plain BCE, 1 undoes the sampling's overconfidence")

    # the optimisation
    epochs: int = Field(20, ge=1, le=10_000)
    batch_events: int = Field(2048, ge=1, le=1_000_000, description="events in a batch, padding included")
    learning_rate: float = Field(1e-3, gt=0, le=1)
    warm_up_steps: int = Field(100, ge=0, le=1_000_000, description="steps of linear warm-up, at most a tenth of all")
    weight_decay: float = Field(0.01, ge=0, le=10, description="of the weight matrices; embeddings and norms have none")
    gradient_clip: float = Field(1.0, gt=0, le=1000, description="largest L2 norm of the gradient")
    ema: float = Field(0.0, ge=0, lt=1, description="decay of the averaged weights that are evaluated and exported; 0 is off")
    precision: Literal["float32", "bfloat16"] = Field("float32", description="of the matrix products; weights stay float32")
    compile: Literal["off", "aot_eager", "inductor"] = Field(
        "off", description="backend of torch.compile for the blocks; inductor needs a C++ compiler on a CPU"
    )

    # the choice of the best epoch
    validation: Literal["time", "leave_one_out"] = Field(
        "time",
        description="hold out the latest share of all events (without times, as many users' last events), or each user's last",
    )
    validation_share: float = Field(0.05, ge=0, le=0.5, description="share of events held out by time; 0 turns validation off")
    validate_every: int = Field(1, ge=1, le=1000, description="epochs from one validation to the next")
    patience: int = Field(3, ge=1, le=1000, description="validations without a better NDCG@10 before training stops")

    @model_validator(mode="after")
    def _heads_divide_dim(self) -> Self:
        if self.dim % (2 * self.heads):
            raise InvalidInput("heads", self.heads, f"half of a divisor of dim ({self.dim}), for rotary positions")
        return self

    def on_everything(self, epochs: int) -> Self:
        """The same for training on all events: so many epochs (the best ones of an earlier training), nothing held out."""
        return self.model_copy(update={"epochs": max(epochs, 1), "validation_share": 0.0, "validation": "time"})

    @classmethod
    def of(cls, **values: object) -> Self:
        """From keyword values. Raises InvalidInput that names field, value and what is allowed."""
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            field, first = first_wrong(error)
            allowed = f"one of {', '.join(cls.model_fields)}" if first["type"] == "extra_forbidden" else first["msg"]
            raise InvalidInput(field, first["input"], allowed) from error

    @classmethod
    def load(cls, path: Path) -> Self:
        """From a TOML file. Raises InvalidInput for a file that cannot be read, an unknown key or a value out of range."""
        return cls.of(**read_toml(path, "training config"))
