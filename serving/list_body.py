"""What a list is asked for with: the query of `GET /recommend/{user_id}`, and the body of the POST, which can exclude more."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, FailFast, Field

from core.ids import Id
from serving.http.json_body import whole
from serving.http.problems import ALLOWED_IN_LIST_BODY
from serving.http.typed_body import body_schema, typed_body

LIST_BODY_BYTES = 1_000_000  # ten thousand of the longest ids
MAX_POSITIONS = 100  # of a list, over all its pages
MAX_GENRES, MAX_LANGUAGES = 20, 20
MAX_EXCLUDED, MAX_EXCLUDED_IN_BODY = 1000, 10_000  # in a query, in a body
Year = Annotated[int, Field(ge=1, le=9999), BeforeValidator(whole)]
Age = Annotated[int, Field(ge=0, le=99), BeforeValidator(whole)]
Size = Annotated[int, Field(ge=1, le=100), BeforeValidator(whole)]
Offset = Annotated[int, Field(ge=0, le=MAX_POSITIONS - 1), BeforeValidator(whole)]
Name = Annotated[str, Field(min_length=1, max_length=100)]


class ListRequest(BaseModel):
    """What a list is asked for with. Each field means what the parameter of the GET does."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    k: Size = Field(20, description="how many; fewer only when no more items are eligible")
    offset: Offset = Field(0, description="the first position; with `page_of` the list goes on")
    page_of: str | None = Field(
        None, pattern="^[0-9a-f]{32}$", description="request_id of the first page, to go on with the same list"
    )
    explain: bool = Field(False, description="say why each film is there; takes as long as a dozen lists")
    trace: bool = Field(False, description="say what each stage of the pipeline did")
    format: Literal["full", "ids"] = Field("full", description="ids: only item ids")
    genre: list[Name] = Field([], max_length=MAX_GENRES, description="only films of this genre; repeat it for several")
    exclude: Annotated[list[Id], FailFast()] = Field(
        [], max_length=MAX_EXCLUDED_IN_BODY, description="item ids to leave out; repeat it"
    )
    year_min: Year | None = Field(None, description="only films of this year or later")
    year_max: Year | None = Field(None, description="only films of this year or earlier")
    maturity_max: Age | None = Field(None, description="only films that are suitable for people of this age, in years")
    language: list[Name] = Field([], max_length=MAX_LANGUAGES, description="only films in this language; repeat it for several")


ABOUT: Mapping[str, str] = {name: str(field.description) for name, field in ListRequest.model_fields.items()}  # for the GET


class ListQuery(ListRequest):
    """The same as the query of the GET, where everything is a string."""

    model_config = ConfigDict(strict=False)

    exclude: list[Id] = Field([], max_length=MAX_EXCLUDED, description=ABOUT["exclude"])


_REPEATABLE = frozenset({"genre", "exclude", "language"})


def list_query_in(parameters: Iterable[tuple[str, str]]) -> ListQuery:
    """Raises ValueError for anything that is not as it should be, without saying what."""
    values: dict[str, Any] = {}
    for name, value in parameters:
        if name in _REPEATABLE:
            values.setdefault(name, []).append(value)
        elif name in values:
            raise ValueError(name)
        else:
            values[name] = value
    return ListQuery.model_validate(values)


LIST_BODY = body_schema(ListRequest, {"Without what is on the page": {"k": 10, "exclude": [318, "SKU-42"]}}, required=False)


def list_request_in(body: bytes) -> ListRequest:
    """Raises MalformedJson, and InvalidFields that names every wrong field."""
    return typed_body(body, ListRequest, ALLOWED_IN_LIST_BODY)
