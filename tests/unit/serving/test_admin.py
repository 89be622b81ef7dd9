"""`POST /admin/retrain`: who may ask, what is answered, and when not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from core.ports import RetrainAnswer

pytestmark = pytest.mark.anyio
KEY = {"X-Admin-Key": "secret"}


class Answering:
    """A retraining that gives one answer and remembers what it was asked."""

    def __init__(self, answer: RetrainAnswer) -> None:
        self.answer, self.asked = answer, []

    def ask(self, trigger: str, reasons: Sequence[str]) -> RetrainAnswer:
        self.asked.append((trigger, list(reasons)))
        return self.answer


async def post(world: Any, content: bytes = b"", headers: dict[str, str] = KEY) -> Any:
    async with world.client() as client:
        return await client.post("/admin/retrain", content=content, headers=headers)


@pytest.mark.parametrize(("body", "reasons"), [(b"", []), (b"{}", []), (b'{"reason": "new season"}', ["new season"])])
async def test_it_is_asked_for(build_world, body: bytes, reasons: list[str]) -> None:
    retraining = Answering(RetrainAnswer(True, "overrides: the cool-down", 5.0))
    answer = await post(build_world(retraining=retraining), body)
    assert (answer.status_code, answer.json()["detail"]) == (202, "overrides: the cool-down")
    assert retraining.asked == [("manual", reasons)]


async def test_a_refusal_says_why_and_when(build_world) -> None:
    answer = await post(build_world(retraining=Answering(RetrainAnswer(False, "a retraining runs", 7.0))))
    assert (answer.status_code, answer.headers["content-type"]) == (409, "application/problem+json")
    assert (answer.json()["detail"], answer.json()["next_at"]) == ("a retraining runs", 7.0)


@pytest.mark.parametrize(
    ("body", "status"), [(b"{", 400), (b"[]", 422), (b'{"why": "x"}', 422), (b'{"reason": ""}', 422), (b'{"reason": 5}', 422)]
)
async def test_a_wrong_body_asks_for_nothing(build_world, body: bytes, status: int) -> None:
    retraining = Answering(RetrainAnswer(True, ""))
    assert (await post(build_world(retraining=retraining), body)).status_code == status
    assert retraining.asked == []


@pytest.mark.parametrize(("headers", "status"), [({}, 401), ({"X-Admin-Key": "wrong"}, 403)])
async def test_it_needs_the_admin_key(build_world, headers: dict[str, str], status: int) -> None:
    retraining = Answering(RetrainAnswer(True, ""))
    assert (await post(build_world(retraining=retraining), headers=headers)).status_code == status
    assert retraining.asked == []
