"""What a load saw of one fault, as figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from chaos_load import FULL, Answer

SLOW = 0.1  # seconds
NOTICED = 1.0  # seconds from the beginning of a fault in which lists may be slow


@dataclass(frozen=True)
class Found:
    """What the load saw of one fault, which began and ended at these Unix seconds."""

    name: str
    begun: float
    over: float
    answers: list[Answer]

    def lists(self, start: float, end: float = np.inf) -> list[Answer]:
        return [one for one in self.answers if one.kind == "list" and start <= one.at < end]

    @property
    def failed(self) -> list[Answer]:
        return [one for one in self.answers if one.kind == "list" and one.status != 200]

    @property
    def acknowledged(self) -> list[str]:
        return [one.said for one in self.answers if one.kind == "event" and one.status == 202]

    @property
    def full_after(self) -> float:
        """Seconds from the end of the fault until a list was as it should be."""
        return min((one.at for one in self.lists(self.over) if _full(one)), default=np.inf) - self.over

    def figures(self) -> dict[str, float]:
        """For the result file: times in milliseconds."""
        calm, noticed = self.lists(0.0, self.begun), self.lists(self.begun + NOTICED)
        parts = {"calm": calm, "fault": self.lists(self.begun, self.over), "after": self.lists(self.over)}
        found: dict[str, float] = {"lists": len(self.lists(0.0)), "failed": len(self.failed)}
        for name, part in parts.items():
            taken = 1e3 * np.array([one.seconds for one in part])
            found |= {f"{name}_{key}_ms": float(value) for key, value in zip(("p50", "p99", "max"), spread(taken), strict=True)}
            found[f"{name}_full"] = float(np.mean([_full(one) for one in part]))
        found |= {"calm_in_time": in_time(calm), "in_time": in_time(noticed), "full_after_s": self.full_after}
        strategies = Counter(one.said for one in self.lists(self.begun, self.over) if one.status == 200)
        found |= {f"strategy_{name}": count for name, count in strategies.items()}
        events = sum(one.kind == "event" for one in self.answers)
        return found | {"events": events, "events_refused": events - len(self.acknowledged)}

    def __str__(self) -> str:
        one = self.figures()
        strategies = [name for name in one if name.startswith("strategy_")]
        served = ", ".join(f"{one[name]:.0f} {name.removeprefix('strategy_')}" for name in strategies)
        full = ", ".join(f"{part} {one[f'{part}_full']:.0%}" for part in ("calm", "after"))
        times = ", ".join(f"{part} {_three(one, part)}" for part in ("calm", "fault", "after"))
        failures = "".join(
            f"\n    {one.at - self.begun:+.2f} s: {one.status} after {one.seconds:.2f} s: {one.said[:200]}"
            for one in self.failed[:3]
        )
        return (
            f"{self.name}: {one['failed']:.0f} of {one['lists']:.0f} lists failed; {one['in_time']:.2%} in time, "
            f"calm {one['calm_in_time']:.2%}; {one['events_refused']:.0f} of {one['events']:.0f} events refused\n"
            f"    p50/p99/max, ms: {times}; in the fault {served}\n"
            f"    full: {full}, the first {one['full_after_s']:.1f} s after the end{failures}"
        )


def _full(one: Answer) -> bool:
    return one.status == 200 and one.said == FULL


def spread(taken: np.ndarray) -> tuple[float, float, float]:
    return (*np.percentile(taken, [50, 99]), taken.max())


def in_time(lists: Sequence[Answer]) -> float:
    """The share that came within SLOW."""
    return float(np.mean([one.status == 200 and one.seconds <= SLOW for one in lists]))


def _three(one: dict[str, float], part: str) -> str:
    return "/".join(f"{one[f'{part}_{key}_ms']:.0f}" for key in ("p50", "p99", "max"))
