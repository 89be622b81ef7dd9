"""The body of `POST /rank`: cards for a user, cards like an item, or given candidates in the order that suits either."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, FailFast, Field, WithJsonSchema

from core.ids import ID_SCHEMA, ExternalId, Id, parse_id
from serving.http.problems import ALLOWED, InvalidFields, field_error
from serving.http.typed_body import body_schema, typed_body
from serving.list_body import ABOUT, Size

MAX_CANDIDATES = 1000
_IDS = ("user_id", "item_id", "movie_id")
# may be left out, and then it is None; null is not an id
_MaybeId = Annotated[ExternalId | None, BeforeValidator(parse_id), WithJsonSchema(ID_SCHEMA)]


class RankRequest(BaseModel):
    """For whom or like what, and what to choose from."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, json_schema_extra={"oneOf": [{"required": [name]} for name in _IDS]}
    )

    user_id: _MaybeId = Field(None, description="whose list it is")
    item_id: _MaybeId = Field(None, description="what the items are to be like")
    movie_id: _MaybeId = Field(None, description="another name of item_id")
    k: Size = Field(25, description=ABOUT["k"])
    candidates: Annotated[list[Id], FailFast()] = Field(
        [], max_length=MAX_CANDIDATES, description="items to order; the catalogue if left out or empty"
    )
    explain: bool = Field(True, description="say why; for a user that takes as long as a dozen lists")

    @property
    def like(self) -> ExternalId | None:
        """The item that the answer is to be like."""
        return self.item_id if self.movie_id is None else self.movie_id


RANK_BODY = body_schema(
    RankRequest,
    {
        "For a user": {"user_id": 42, "k": 25},
        "Like a film": {"movie_id": 318, "k": 25},
        "Given films, in the user's order": {"user_id": 42, "candidates": [318, 50, 858]},
    },
)
_ALLOWED = ALLOWED | {"movie_id": ALLOWED["item_id"], "candidates": f"a list of at most {MAX_CANDIDATES} ids"}


def rank_request_in(body: bytes) -> RankRequest:
    """Raises MalformedJson, and InvalidFields that names every wrong field."""
    wanted = typed_body(body, RankRequest, _ALLOWED)
    named = [name for name in _IDS if getattr(wanted, name) is not None]
    if len(named) != 1:
        raise InvalidFields([field_error("body", " and ".join(named) or "nobody", f"exactly one of {', '.join(_IDS)}")])
    return wanted
