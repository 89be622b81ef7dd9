"""What every part's configuration has in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from recommender.live import Snapshot


class PartConfig(BaseModel):
    """Settings of one part, as a pipeline file gives them. Each part's own configuration stands beside the part."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    part: str


class SourceConfig(PartConfig):
    """What every source can be told."""

    blocks: ClassVar[bool] = True  # whether it may wait for something outside this process

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

    def waits(self, now: Snapshot) -> bool:  # noqa: ARG002 - for sources to which it matters
        """Whether it may wait for something outside this process: it is then asked from a thread, under its time-out.

        What only computes runs in the request's own thread: handing Python's lock over and back cost more than the computing.
        """
        return self.blocks
