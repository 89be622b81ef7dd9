"""The table of items: content is optional, and tags are known only once they were given."""

from __future__ import annotations

import polars as pl
import pytest

from core.catalogue import Catalogue
from core.errors import DatasetError
from core.items import ITEM_SCHEMA, TAG_SCHEMA, complete, coverage, with_details, with_tags
from datasets.registry import read_any

BARE = pl.DataFrame({"item_id": [2, 1], "title": ["Heat", "Alien"], "genres": [["Crime"], []], "year": [1995, None]})
RICH = BARE.with_columns(
    overview=pl.Series(["A thief.", None]),
    tags=pl.Series([["tense"], None]),
    people=pl.Series([["Al Pacino", "Michael Mann"], []], dtype=pl.List(pl.String)),
    keywords=pl.Series([None, ["space"]]),
    poster=pl.Series(["/heat.jpg", None]),
    language=pl.Series(["en", None]),
)


def tags(*rows: tuple[int, int, str, float]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=TAG_SCHEMA, orient="row")


def test_columns_missing_from_a_table_are_null() -> None:
    items = complete(BARE.with_columns(extra=pl.lit(1)))
    assert items.schema == ITEM_SCHEMA
    assert items["overview"].to_list() == [None, None]


def test_a_catalogue_knows_the_content_that_there_is() -> None:
    films = Catalogue.from_frame(RICH)
    assert films.overviews == ("", "A thief.")
    assert films.tags == ((), ("tense",))
    assert films.people == ((), ("Al Pacino", "Michael Mann"))
    assert films.keywords == (("space",), ())
    assert (films.posters, films.languages) == (("", "/heat.jpg"), ("", "en"))


def test_a_catalogue_without_content_is_empty_and_not_absent() -> None:
    films = Catalogue.from_frame(BARE)
    assert films.overviews == films.posters == films.languages == ("", "")
    assert films.tags == films.people == films.keywords == ((), ())


@pytest.mark.parametrize("items", [BARE, RICH], ids=["bare", "rich"])
def test_a_catalogue_survives_the_bundle(items: pl.DataFrame) -> None:
    films = Catalogue.from_frame(items)
    again = Catalogue.from_frame(films.to_frame())
    for field in ("titles", "genre_names", "overviews", "tags", "people", "keywords", "posters", "languages"):
        assert getattr(again, field) == getattr(films, field)
    assert (again.genres == films.genres).all()
    assert (again.years == films.years).all()


def test_what_rules_go_by_survives_the_bundle_and_stays_unknown_where_it_was() -> None:
    known = {
        "item_id": [1, 2],
        "title": ["a", "b"],
        "genres": [[], []],
        "series": [None, "Dune"],
        "runtime": [None, 155],
        "cost": [0.0, None],
    }
    films = Catalogue.from_frame(complete(pl.DataFrame(known)))
    frame = Catalogue.from_frame(films.to_frame()).to_frame()
    assert frame["series"].to_list() == [None, "Dune"]
    assert frame["runtime"].to_list() == [None, 155]
    assert frame["cost"].to_list() == [0.0, None], "a licence that costs nothing is not one whose cost nobody knows"
    assert films.runtimes.tolist() == [0, 155]


def test_an_empty_catalogue_is_refused() -> None:
    with pytest.raises(DatasetError, match="the catalogue is empty"):
        Catalogue.from_frame(BARE.clear())


def test_a_tag_given_at_the_cut_off_or_later_changes_nothing() -> None:
    early = tags((1, 2, "Tense ", 10.0), (2, 2, "tense", 11.0), (2, 2, "crime", 12.0))
    planted = pl.concat([early, tags((3, 2, "won an award", 20.0), (3, 1, "space", 99.0))])
    as_of = with_tags(BARE, planted, before=20.0)
    assert as_of.equals(with_tags(BARE, early, before=20.0))
    assert as_of["tags"].to_list() == [["crime", "tense"], None]
    assert as_of["item_id"].to_list() == [2, 1]
    assert with_tags(as_of, planted, before=1000.0)["tags"].to_list() == [["crime", "tense", "won an award"], ["space"]]


def test_the_bundled_films_have_tags_as_of_a_moment() -> None:
    data = read_any("ml-latest-small")
    counts = [with_tags(data.items, data.tags, before)["tags"].list.len().sum() for before in (0.0, 1.2e9, 2e9)]
    assert counts[0] == 0
    assert 0 < counts[1] < counts[2] <= len(data.tags) == 3_683


def test_details_fill_what_they_know_and_leave_the_rest() -> None:
    items = RICH.with_columns(tmdb_id=pl.Series([949, None]))
    details = pl.DataFrame({"tmdb_id": [949, 949, 7], "overview": ["New.", "Twice.", "Other."], "language": [None, "fr", "de"]})
    filled = with_details(items, details)
    assert filled.schema == ITEM_SCHEMA
    assert filled.select("item_id", "overview", "language", "people").rows() == [
        (2, "New.", "en", ["Al Pacino", "Michael Mann"]),
        (1, None, None, []),
    ]


def test_current_popularity_is_not_content() -> None:
    details = pl.DataFrame({"tmdb_id": [949], "popularity": [99.0], "vote_average": [8.0], "vote_count": [7]})
    items = RICH.with_columns(tmdb_id=pl.Series([949, None]))
    assert with_details(items, details).equals(complete(items))


def test_coverage_counts_items_and_what_was_watched() -> None:
    watched = pl.DataFrame({"item_id": [2, 2, 2, 1]})
    found = {field: shares for field, *shares in coverage(RICH, watched).rows()}
    assert found["overview"] == [0.5, 0.75]
    assert found["keywords"] == [0.5, 0.25]
    assert found["people"] == [0.5, 0.75]
    assert found["year"] == [0.5, 0.75]
    assert found["genres"] == [0.5, 0.75]
