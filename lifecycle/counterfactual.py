"""What the logs said of a release before anybody saw its lists: kept as a tag of its version, asked for by the gate."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, ValidationError

from evaluation.ope.verdict import Answer

TAG = "counterfactual"
_log = logging.getLogger(__name__)


class Counterfactual(BaseModel):
    """The verdict of `marquee ope` on a release with the policy that would serve it."""

    model_config = ConfigDict(frozen=True)

    answer: Answer
    why: str
    policy: str  # its id
    at: float  # Unix seconds


def counterfactual_of(tags: Mapping[str, str]) -> Counterfactual | None:
    """What a version's tags say; None where nobody asked, or where somebody wrote something else there."""
    if not (text := tags.get(TAG, "")):
        return None
    try:
        return Counterfactual.model_validate_json(text)
    except ValidationError:
        _log.warning("the tag %s is %r, which no `marquee ope` wrote; it is not heeded", TAG, text)
        return None
