"""Every layout of MovieLens, told apart by what the zip contains, gives the same tables."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from core.errors import DatasetError, NotFound
from datasets.dataset import Dataset
from datasets.registry import locate, read_any

MakeZip = Callable[[dict[str, bytes | str]], Path]

CSV = {
    "ratings.csv": "userId,movieId,rating,timestamp\n1,1,4.0,100\n1,2,3.5,200\n2,1,5.0,300\n",
    "movies.csv": "movieId,title,genres\n1,Heat (1995),Action|Crime\n2,Amélie: a tale (2001),(no genres listed)\n",
    "links.csv": "movieId,imdbId,tmdbId\n1,0113277,949\n2,0211915,\n",
    "tags.csv": 'userId,movieId,tag,timestamp\n1,1,"tense, very",150\n2,1,,160\n',
}
ML_10M = {
    "ratings.dat": "1::1::4::100\n1::2::3.5::200\n2::1::5::300\n",
    "movies.dat": "1::Heat (1995)::Action|Crime\n2::Amélie: a tale (2001)::(no genres listed)\n",
    "tags.dat": "1::1::tense :: very::150\n",
}
ML_1M = {
    "ratings.dat": "1::1::4::100\n1::2::3::200\n2::1::5::300\n",
    "movies.dat": "1::Heat (1995)::Action|Crime\r\n2::Amélie: a tale (2001)::Drama\r\n".encode("latin-1"),
    "users.dat": "1::F::1::10::48067\n2::M::56::16::70072\n",
    "README": "words",
}
ML_100K = {
    "u.data": "1\t1\t4\t100\n1\t2\t3\t200\n2\t1\t5\t300\n",
    "u.item": (
        "1|Heat (1995)|01-Jan-1995||http://x/M/t?Heat|0|1|0|1\n2|Amélie: a tale (2001)|01-Jan-2001||http://x/M/t?A|1|0|0|0\n"
    ).encode("latin-1"),
    "u.genre": "unknown|0\nAction|1\nAdventure|2\nCrime|3\n\n",
    "u.user": "1|17|F|student|85711\n2|62|M|none|94043\n",
}
FOUR_RATED = [(1, 1, "rating", 4.0, 100.0), (1, 2, "rating", 3.5, 200.0), (2, 1, "rating", 5.0, 300.0)]


def sequences(rows: list[tuple[int, int, int, int]]) -> bytes:
    buffer = io.BytesIO()
    columns = {"user_id": pl.Int32, "movie_id": pl.Int32, "rating": pl.Int8, "position": pl.Int32}
    pl.DataFrame(rows, schema=columns, orient="row").write_parquet(buffer)
    return buffer.getvalue()


@pytest.fixture
def make_zip(tmp_path: Path) -> MakeZip:
    def make(members: dict[str, bytes | str]) -> Path:
        path = tmp_path / "some.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in members.items():
                archive.writestr(f"folder/{name}", content)
        return path

    return make


def events(dataset: Dataset) -> list[tuple[object, ...]]:
    return dataset.interactions.select("user_id", "item_id", "kind", "value", "ts").rows()


@pytest.mark.parametrize("members", [CSV, ML_10M], ids=["csv", "ml-10m"])
def test_half_stars_times_titles_and_genres(make_zip: MakeZip, members: dict[str, bytes | str]) -> None:
    dataset = read_any(str(make_zip(members)))
    assert events(dataset) == FOUR_RATED
    assert dataset.items.select("title", "genres", "year").rows() == [
        ("Heat (1995)", ["Action", "Crime"], 1995),
        ("Amélie: a tale (2001)", [], 2001),
    ]
    assert (dataset.has_time, dataset.users) == (True, None)


@pytest.mark.parametrize(("members", "tag"), [(CSV, "tense, very"), (ML_10M, "tense :: very")], ids=["csv", "ml-10m"])
def test_tags_keep_their_separators_and_times_and_empty_ones_are_dropped(
    make_zip: MakeZip, members: dict[str, bytes | str], tag: str
) -> None:
    assert read_any(str(make_zip(members))).tags.rows() == [(1, 1, tag, 150.0)]


@pytest.mark.parametrize(
    ("members", "occupations", "genres"),
    [(ML_1M, ("10", "16"), ["Drama"]), (ML_100K, ("student", "none"), [])],
    ids=["ml-1m", "ml-100k"],
)
def test_older_sets_are_latin_1_and_know_their_users(
    make_zip: MakeZip, members: dict[str, bytes | str], occupations: tuple[str, str], genres: list[str]
) -> None:
    dataset = read_any(str(make_zip(members)))
    assert [row[3:] for row in events(dataset)] == [(4.0, 100.0), (3.0, 200.0), (5.0, 300.0)]
    assert dataset.items["title"].to_list() == ["Heat (1995)", "Amélie: a tale (2001)"]
    assert dataset.items["genres"].to_list() == [["Action", "Crime"], genres]
    assert dataset.users is not None
    assert dataset.users.rows() == [
        (1, ["gender:F", "age:1", f"occupation:{occupations[0]}"]),
        (2, ["gender:M", "age:56", f"occupation:{occupations[1]}"]),
    ]
    assert dataset.tags.is_empty()


def test_sequences_have_an_order_and_no_time_and_only_the_films_of_the_benchmark(make_zip: MakeZip) -> None:
    rows = [(1, 1, 5, 1), (1, 2, 3, 0), (2, 2, 4, 0)]
    films = ML_1M["movies.dat"] + b"3::Never rated (1990)::Drama\n"
    members = {"sequences.parquet": sequences(rows), "movies.dat": films, "users.dat": ML_1M["users.dat"]}
    dataset = read_any(str(make_zip(members)))
    assert [row[4] for row in events(dataset)] == [1.0, 0.0, 0.0]
    assert dataset.items["item_id"].to_list() == [1, 2]
    assert not dataset.has_time
    assert dataset.users is not None


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"README": "x"}, r"not a MovieLens zip: it has none of ratings\.csv, ratings\.dat, u\.data, sequences\.parquet"),
        ({"ratings.dat": "x"}, r"lacks movies\.dat"),
        ({"u.data": "x"}, r"lacks u\.item, u\.user, u\.genre"),
        (ML_1M | {"movies.dat": "1::Heat\n"}, r"movies\.dat: line 1 has 2 fields, not the 3 expected"),
        (ML_1M | {"ratings.dat": "1,2,3\n"}, r"ratings\.dat is not a readable table"),
        (ML_1M | {"ratings.dat": "a::b::c::d\n"}, r"no usable interaction.*a required field is missing"),
        ({"sequences.parquet": b"junk", "movies.dat": "1::a::b\n"}, r"sequences\.parquet cannot be read"),
        (ML_100K | {"u.data": "1\t2\n"}, r"u\.data: line 1 has 2 fields"),
    ],
)
def test_what_is_wrong_is_named(make_zip: MakeZip, members: dict[str, bytes | str], message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        read_any(str(make_zip(members)))


def test_the_name_of_the_zip_decides_nothing(make_zip: MakeZip, tmp_path: Path) -> None:
    path = make_zip(ML_1M).rename(tmp_path / "ml-25m.zip")
    assert read_any("ml-25m", tmp_path).report.kept == 3
    assert read_any(str(path)).name == "ml-25m"


def test_the_digest_of_a_large_set_does_not_depend_on_how_it_is_cut_up(
    make_zip: MakeZip, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = read_any(str(make_zip(CSV))).digest
    monkeypatch.setattr("datasets.dataset._AT_ONCE", 2)
    assert read_any(str(make_zip(CSV))).digest == whole


def test_a_name_is_looked_up_and_the_remedy_for_a_missing_one_is_named(tmp_path: Path) -> None:
    assert locate("ml-latest-small").is_file()
    with pytest.raises(NotFound, match="marquee data fetch ml-20m"):
        read_any("ml-20m", tmp_path)
    with pytest.raises(NotFound, match=r"no data set 'ml-30m': neither a file nor one of ml-latest-small, ml-100k"):
        read_any("ml-30m", tmp_path)
