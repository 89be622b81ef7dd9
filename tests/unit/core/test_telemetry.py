"""Labels are bounded: each is from a vocabulary that does not grow with users, items or requests."""

from __future__ import annotations

from app.reference import instruments
from core import telemetry

BOUNDED = {
    "route", "status", "stage", "part", "strategy", "arm", "explored", "kind", "reason", "group", "table", "dependency",
    "outcome", "policy", "what", "alias", "decision", "feature", "verdict", "thread", "topic", "unit", "rate",
    "release",  # those that a process serves; one that was left stays at 0 until it ends
}  # fmt: skip


def test_no_label_can_grow_without_end() -> None:
    assert {label for one in instruments() for label in one._labelnames} <= BOUNDED


def test_without_a_canary_its_share_is_zero_and_not_missing() -> None:
    assert telemetry.CANARY_SHARE.collect()[0].samples[0].value == 0.0
