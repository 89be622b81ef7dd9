"""What every part's configuration has in common."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field


class PartConfig(BaseModel):
    """Settings of one part, as a pipeline file gives them. Each part's own configuration stands beside the part."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    part: str


class SourceConfig(PartConfig):
    """What every source can be told."""

    blocks: ClassVar[bool] = True  # whether it may wait for something outside this process; such a source gets threads

    k: int = Field(200, ge=1, le=10_000, description="candidates that it fetches")
    timeout_ms: float = Field(100.0, gt=0, le=60_000, description="how long a request waits for it")
    weight: float | None = Field(
        None,
        ge=0,
        le=100,
        description="of its scores in the blend, in units of their spread, where the release did not weigh it; 0: candidates for "
        "the ranker, no say in the order; without one the ranks of all sources are fused",
    )
    fills: bool = Field(False, description="it only fills lists up: its items come behind those of every other source")
