"""What to show to somebody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from marquee_client.answers import CompactList, Ranked, RecommendationList, SessionList, WhyItem
from marquee_client.calls import Call, only, part
from marquee_client.ids import Id


def recommend(
    user_id: Id,
    *,
    k: int | None = None,
    offset: int | None = None,
    page_of: str | None = None,
    genre: Sequence[str] = (),
    exclude: Sequence[Id] = (),
    year_min: int | None = None,
    year_max: int | None = None,
    maturity_max: int | None = None,
    language: Sequence[str] = (),
    explain: bool | None = None,
    trace: bool | None = None,
    variant: str | None = None,
) -> Call[RecommendationList]:
    """A list for a user, best first. Send its `request_id` with the events that answer it.

    The next page has `offset` and, as `page_of`, the `request_id` of the first one. `variant` ("experiment:variant") needs the
    scope `admin`.
    """
    query = _wanted(k, offset, page_of, genre, exclude, year_min, year_max, maturity_max, language)
    headers = {} if variant is None else {"X-Experiment-Variant": variant}
    return Call("recommend", "GET", f"/recommend/{part(user_id)}", query | {"explain": explain, "trace": trace}, headers)


def recommend_ids(
    user_id: Id,
    *,
    k: int | None = None,
    offset: int | None = None,
    page_of: str | None = None,
    genre: Sequence[str] = (),
    exclude: Sequence[Id] = (),
    year_min: int | None = None,
    year_max: int | None = None,
    maturity_max: int | None = None,
    language: Sequence[str] = (),
) -> Call[CompactList]:
    """The same list as ids alone; its `request_id` is only in a header, so events cannot name it. See `recommend`."""
    query = _wanted(k, offset, page_of, genre, exclude, year_min, year_max, maturity_max, language)
    return Call("recommend", "GET", f"/recommend/{part(user_id)}", query | {"format": "ids"})


def recommend_with_body(
    user_id: Id,
    *,
    k: int | None = None,
    offset: int | None = None,
    page_of: str | None = None,
    genre: Sequence[str] | None = None,
    exclude: Sequence[Id] | None = None,
    year_min: int | None = None,
    year_max: int | None = None,
    maturity_max: int | None = None,
    language: Sequence[str] | None = None,
    explain: bool | None = None,
    trace: bool | None = None,
) -> Call[RecommendationList]:
    """As `recommend`, with room for 10,000 ids to leave out."""
    page = only(k=k, offset=offset, page_of=page_of, explain=explain, trace=trace)
    wanted = only(
        genre=genre, exclude=exclude, year_min=year_min, year_max=year_max, maturity_max=maturity_max, language=language
    )
    return Call("recommend_with_body", "POST", f"/recommend/{part(user_id)}", body=page | wanted)


def why(
    user_id: Id,
    item_id: Id,
    *,
    k: int | None = None,
    offset: int | None = None,
    page_of: str | None = None,
    genre: Sequence[str] = (),
    exclude: Sequence[Id] = (),
    year_min: int | None = None,
    year_max: int | None = None,
    maturity_max: int | None = None,
    language: Sequence[str] = (),
) -> Call[WhyItem]:
    """Why an item is on the list that the same parameters get, or what kept it out."""
    query = _wanted(k, offset, page_of, genre, exclude, year_min, year_max, maturity_max, language)
    return Call("why", "GET", f"/recommend/{part(user_id)}/why/{part(item_id)}", query)


def rank(
    *,
    user_id: Id | None = None,
    item_id: Id | None = None,
    movie_id: Id | None = None,
    k: int | None = None,
    candidates: Sequence[Id] | None = None,
    explain: bool | None = None,
) -> Call[Ranked]:
    """Cards for a user or like an item (exactly one of the ids), among `candidates` where they are given."""
    about = only(user_id=user_id, item_id=item_id, movie_id=movie_id)
    return Call("rank", "POST", "/rank", body=about | only(k=k, candidates=candidates, explain=explain))


def session_recommend(
    items: Sequence[Id | Mapping[str, Any]],
    *,
    k: int | None = None,
    genre: Sequence[str] | None = None,
    exclude: Sequence[Id] | None = None,
    year_min: int | None = None,
    year_max: int | None = None,
    explain: bool | None = None,
    trace: bool | None = None,
) -> Call[SessionList]:
    """A list for somebody without an id, from what they did in this visit, oldest first: ids, or objects with `item_id`."""
    wanted = only(k=k, genre=genre, exclude=exclude, year_min=year_min, year_max=year_max, explain=explain, trace=trace)
    return Call("session_recommend", "POST", "/session/recommend", body={"items": list(items), **wanted})


def _wanted(
    k: int | None,
    offset: int | None,
    page_of: str | None,
    genre: Sequence[str],
    exclude: Sequence[Id],
    year_min: int | None,
    year_max: int | None,
    maturity_max: int | None,
    language: Sequence[str],
) -> dict[str, Any]:
    return {
        "k": k,
        "offset": offset,
        "page_of": page_of,
        "genre": list(genre),
        "exclude": list(exclude),
        "year_min": year_min,
        "year_max": year_max,
        "maturity_max": maturity_max,
        "language": list(language),
    }
