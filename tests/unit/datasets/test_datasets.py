"""Reading data: the bundled films are whole, and everything that can be wrong with a file is reported."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from core.errors import DatasetError
from core.ids import FIRST_ITEM_KEY, user_key
from datasets.dataset import validate
from datasets.layout_csv import COLUMNS
from datasets.movielens import BUNDLED, read_movielens
from datasets.splits import before, between, cutoff, in_time_order
from datasets.tables import read_items, read_tables
from lake.tables import INTERACTIONS, ITEMS, SCHEMAS

TINY = {
    "ratings.csv": "userId,movieId,rating,timestamp\n1,1,4.0,100\n1,2,3.5,200\n2,1,5.0,300\n",
    "movies.csv": 'movieId,title,genres\n1,Heat (1995),Action|Crime\n2,"Postman, The (Il Postino) (1994)",(no genres listed)\n',
    "links.csv": "movieId,imdbId,tmdbId\n1,0113277,949\n",
    "tags.csv": "userId,movieId,tag,timestamp\n1,1,tense,150\n",
}
MakeZip = Callable[[dict[str, str]], Path]


@pytest.fixture
def make_zip(tmp_path: Path) -> MakeZip:
    def make(changes: dict[str, str]) -> Path:
        path = tmp_path / "tiny.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for name, text in (TINY | changes).items():
                archive.writestr(f"tiny/{name}", text)
        return path

    return make


def test_the_bundled_films_are_whole() -> None:
    dataset = read_movielens()
    assert (dataset.report.kept, dataset.report.users, dataset.report.items) == (100_836, 610, 9_742)
    assert dataset.report.reasons == {}
    assert dataset.digest == "2ee3d8ae8767"
    assert dataset.interactions["event_id"].n_unique() == 100_836
    with zipfile.ZipFile(BUNDLED) as archive:
        assert "redistribute the data set" in archive.read("ml-latest-small/README.txt").decode()


def test_items_have_title_genres_and_year(make_zip: MakeZip) -> None:
    items = read_movielens(make_zip({})).items
    assert items.select("item_id", "title", "genres", "year", "tmdb_id").rows() == [
        (1, "Heat (1995)", ["Action", "Crime"], 1995, 949),
        (2, "Postman, The (Il Postino) (1994)", [], 1994, None),
    ]
    assert items.schema == SCHEMAS[ITEMS]


def test_a_truncated_zip_is_refused(make_zip: MakeZip) -> None:
    path = make_zip({})
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(DatasetError, match=r"truncated: fetch the file again"):
        read_movielens(path)


def test_a_flipped_byte_names_the_damaged_file(make_zip: MakeZip) -> None:
    path = make_zip({})
    raw = path.read_bytes()
    at = raw.index(b"Heat")
    path.write_bytes(raw[:at] + b"Meat" + raw[at + 4 :])
    with pytest.raises(DatasetError, match=r"movies\.csv is damaged"):
        read_movielens(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("x/ratings.csv", TINY["ratings.csv"])
    with pytest.raises(DatasetError, match=r"lacks movies\.csv, links\.csv, tags\.csv"):
        read_movielens(tmp_path / "x.zip")
    with pytest.raises(DatasetError, match="not a readable zip"):
        read_movielens(tmp_path / "nowhere.zip")


@pytest.mark.parametrize("name", list(COLUMNS))
def test_a_missing_column_is_named(make_zip: MakeZip, name: str) -> None:
    with pytest.raises(DatasetError, match=f"{name} lacks the column"):
        read_movielens(make_zip({name: "a,b\n1,2\n"}))


def test_links_and_tags_must_name_known_films(make_zip: MakeZip) -> None:
    with pytest.raises(DatasetError, match=r"tags\.csv names 1 films that movies\.csv does not have"):
        read_movielens(make_zip({"tags.csv": TINY["tags.csv"] + "1,77,lost,1\n"}))


def test_a_rating_of_seven_is_too_much_for_a_small_file(make_zip: MakeZip) -> None:
    ratings = TINY["ratings.csv"] + "2,2,7,400\n"
    with pytest.raises(DatasetError, match=r"25\.0% of the rows are bad.*rating outside 0\.5 to 5\.0 stars"):
        read_movielens(make_zip({"ratings.csv": ratings}))


def _frame(rows: list[tuple[int | None, int | None, str | None, float | None, float | None]]) -> pl.DataFrame:
    schema = {"user_id": pl.Int64, "item_id": pl.Int64, "kind": pl.String, "value": pl.Float64, "ts": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _items(ids: list[int]) -> pl.DataFrame:
    count = len(ids)
    return pl.DataFrame(
        {"item_id": ids, "title": ["t"] * count, "genres": [["g"]] * count, "year": [2000] * count},
        schema={name: SCHEMAS[ITEMS][name] for name in ("item_id", "title", "genres", "year")},
    )


def test_each_bad_row_is_set_aside_with_its_reason() -> None:
    rows = [
        (1, 1, "rating", 4.0, 1.0),
        (1, 1, "rating", 4.0, 1.0),
        (1, 1, "rating", 7.0, 2.0),
        (1, 1, "rating", None, 3.0),
        (1, 9, "view", None, 4.0),
        (0, 1, "view", None, 5.0),
        (1, 1, "dance", None, 6.0),
        (1, 1, "view", None, float("nan")),
        (None, 1, "view", None, 7.0),
        (1, 1, "review", None, 8.0),
        (1, 1, "watch", 9999.0, 9.0),
    ]
    dataset = validate("t", _frame(rows), _items([1]), max_bad_share=1.0)
    assert dataset.interactions["ts"].to_list() == [1.0, 8.0]
    assert dataset.quarantined["reason"].to_list() == [
        "duplicate of an earlier row",
        "rating outside 0.5 to 5.0 stars",
        "rating outside 0.5 to 5.0 stars",
        "item_id is not in the catalogue",
        "user_id is not an id",
        "kind is not one of view, click, watch, rating, purchase, watchlist_add, watchlist_remove, search, review, skip",
        "ts is outside 1970-01-01T00:00:00Z to the year 9999",
        "a required field is missing",
        "watch outside 0.0 to 1440.0 minutes",
    ]
    assert dataset.report.read == dataset.report.kept + sum(dataset.report.reasons.values())


@pytest.mark.parametrize(
    ("items", "message"),
    [([], "the catalogue is empty"), ([1, 1], "repeated item_id")],
)
def test_a_catalogue_must_be_there_and_clean(items: list[int], message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        validate("t", _frame([(1, 1, "view", None, 1.0)]), _items(items))


def test_nothing_usable_is_an_error() -> None:
    with pytest.raises(DatasetError, match="no usable interaction"):
        validate("t", _frame([]), _items([1]))


def test_loaded_rows_have_the_columns_of_the_lake(make_zip: MakeZip) -> None:
    rows = read_movielens(make_zip({})).interactions
    expected = {name: dtype for name, dtype in SCHEMAS[INTERACTIONS].items() if name != "day"}
    assert dict(rows.schema) == expected


@pytest.mark.parametrize("ts", ["1537799250", "1537799250000", "2018-09-24T14:27:30Z"])
def test_your_own_tables_with_their_own_names_and_times(tmp_path: Path, ts: str) -> None:
    (tmp_path / "x.csv").write_text(f"uid,film,when,stars\n5,10,{ts},4\n6,11,{ts},\n")
    (tmp_path / "y.csv").write_text("film,name,tags\n10,Ten (2002),Drama|War\n11,Eleven,\n")
    mapping = {"user_id": "uid", "item_id": "film", "ts": "when", "value": "stars", "title": "name", "genres": "tags"}
    dataset = read_tables(tmp_path / "x.csv", tmp_path / "y.csv", mapping)
    assert dataset.interactions.select("user_id", "item_id", "kind", "value", "ts").rows() == [
        (5, 10, "rating", 4.0, 1537799250.0),
        (6, 11, "view", None, 1537799250.0),
    ]
    assert dataset.items.select("item_id", "title", "genres", "year").rows() == [
        (10, "Ten (2002)", ["Drama", "War"], 2002),
        (11, "Eleven", [], None),
    ]


def test_parquet_with_real_timestamps_is_read_too(tmp_path: Path) -> None:
    stamps = pl.from_epoch(pl.Series([1537799250]), time_unit="s")
    pl.DataFrame({"user_id": [1], "item_id": [1], "ts": stamps}).write_parquet(tmp_path / "x.parquet")
    pl.DataFrame({"item_id": [1], "title": ["t"]}).write_parquet(tmp_path / "y.parquet")
    dataset = read_tables(tmp_path / "x.parquet", tmp_path / "y.parquet")
    assert dataset.interactions["ts"].to_list() == [1537799250.0]


def test_your_own_films_may_have_more_columns(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("user_id,item_id,ts\n1,1,1700000000\n")
    films = {"item_id": [1], "title": ["Heat (1995)"], "genres": [["Crime", "Crime"]], "people": ["Al Pacino|Michael Mann|"]}
    pl.DataFrame(films | {"overview": ["A thief."], "tmdb_id": ["949"], "seen": [1]}).write_parquet(tmp_path / "y.parquet")
    items = read_tables(tmp_path / "x.csv", tmp_path / "y.parquet").items
    assert items.schema == SCHEMAS[ITEMS]
    known = items.select("genres", "year", "people", "overview", "tmdb_id", "tags").row(0)
    assert known == (["Crime"], 1995, ["Al Pacino", "Michael Mann"], "A thief.", 949, None)


def test_films_alone_are_read_and_checked(tmp_path: Path) -> None:
    path = tmp_path / "films.csv"
    path.write_text("id,title,genres\n7,Heat (1995),Crime|Drama\n5,Up,\n")
    films, keys = read_items(path, {"item_id": "id"})
    assert keys == {}
    assert films["item_id"].to_list() == [5, 7]
    assert films["genres"].to_list() == [[], ["Crime", "Drama"]]
    assert films["year"].to_list() == [None, 1995]
    for rows, complaint in (
        ("", "empty"),
        (",x\n4,y\n", "not an id.*line 2"),
        ("5,x\n5,y\n", "earlier row.*line 3, column .item_id.: 5"),
    ):
        path.write_text("item_id,title\n" + rows)
        with pytest.raises(DatasetError, match=complaint):
            read_items(path)


def test_ids_of_any_kind_become_keys_and_known_ones_keep_theirs(tmp_path: Path) -> None:
    path = tmp_path / "films.csv"
    path.write_text("item_id,title\nSKU-7,Seven\n007,Bond\n7,Number\n")
    known = {"SKU-7": FIRST_ITEM_KEY + 3}
    films, keys = read_items(path, item_keys=known)
    assert keys == known | {"007": FIRST_ITEM_KEY + 4}
    assert dict(films.select("title", "item_id").iter_rows()) == {"Number": 7, "Seven": keys["SKU-7"], "Bond": keys["007"]}


def test_leading_zeros_make_another_user(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("user_id,item_id,ts\n007,a,1700000000\n7,a,1700000001\nann@x.org,b,1700000002\n")
    (tmp_path / "y.csv").write_text("item_id,title\na,A\nb,B\n")
    dataset = read_tables(tmp_path / "x.csv", tmp_path / "y.csv")
    users = dict(dataset.interactions.select("user_id", "external_user").iter_rows())
    assert users == {user_key("007"): "007", 7: None, user_key("ann@x.org"): "ann@x.org"}
    assert dataset.item_ids == {"a": FIRST_ITEM_KEY, "b": FIRST_ITEM_KEY + 1}


def test_a_mapping_that_names_nothing_and_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="the mapping names userid"):
        read_tables(tmp_path / "x.csv", tmp_path / "y.csv", {"userid": "uid"})
    with pytest.raises(DatasetError, match=r"x\.csv cannot be read"):
        read_tables(tmp_path / "x.csv", tmp_path / "y.csv")


def test_cuts_through_time_do_not_leak_file_order() -> None:
    rows = _frame([(1, item, "view", None, 5.0) for item in range(1, 30)] + [(1, 99, "view", None, 1.0)])
    ordered = in_time_order(rows)["item_id"].to_list()
    assert ordered[0] == 99
    assert ordered[1:] != sorted(ordered[1:])
    cut = cutoff(rows, 0.5)
    assert len(before(rows, cut)) + len(between(rows, cut, float("inf"))) == len(rows)
    assert before(rows, cut)["item_id"].to_list() == [99]


def test_an_unreadable_csv_in_a_zip_is_an_error(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in COLUMNS:
            archive.writestr(name, b"\xff\xfe\x00")
    (tmp_path / "z.zip").write_bytes(buffer.getvalue())
    with pytest.raises(DatasetError):
        read_movielens(tmp_path / "z.zip")


def test_what_decides_who_may_see_an_item_comes_from_the_file(tmp_path: Path) -> None:
    path = tmp_path / "films.csv"
    head = "id,maturity,language,available_from,available_until,series,people,cost,runtime\n"
    good = "SKU-1,16,en,2026-01-01,2026-12-31T12:00:00+01:00,Saga,Ann|Bob,0.25,95\nSKU-3,,,,,,,,\n"
    path.write_text(head + good + "SKU-2,PG,,,soon,,,-1,0\n")
    with pytest.raises(DatasetError) as caught:
        read_items(path)
    for column in ("maturity", "available_until", "cost", "runtime"):
        assert f"{column} is not" in caught.value.detail
    path.write_text(head + good)
    items, _ = read_items(path)
    columns = ("maturity", "language", "available_from", "available_until", "series", "people", "cost", "runtime")
    assert items.select(columns).rows() == [
        (16, "en", 1767225600.0, 1798714800.0, "Saga", ["Ann", "Bob"], 0.25, 95),
        (None, None, None, None, None, None, None, None),
    ]
