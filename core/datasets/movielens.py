"""MovieLens in the layout of ml-latest: a zip with ratings.csv, movies.csv, links.csv and tags.csv."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import polars as pl

from core import columns as c
from core.datasets.dataset import Dataset, require_columns, validate
from core.errors import DatasetError
from core.events import Kind

BUNDLED = Path(__file__).with_name("bundled") / "ml-latest-small.zip"
COLUMNS = {
    "ratings.csv": ("userId", "movieId", "rating", "timestamp"),
    "movies.csv": ("movieId", "title", "genres"),
    "links.csv": ("movieId", "imdbId", "tmdbId"),
    "tags.csv": ("userId", "movieId", "tag", "timestamp"),
}
NO_GENRES = "(no genres listed)"


def read_movielens(path: Path = BUNDLED) -> Dataset:
    """Read and check a MovieLens zip; the one that ships with Marquee by default. Raises DatasetError."""
    tables = _read_tables(path)
    movies, ratings = tables["movies.csv"], tables["ratings.csv"]
    for name in ("links.csv", "tags.csv"):
        strangers = tables[name].join(movies, on="movieId", how="anti")
        if len(strangers):
            raise DatasetError(f"{path.name}: {name} names {len(strangers)} films that movies.csv does not have")
    interactions = ratings.select(
        pl.col("userId").cast(pl.Int64, strict=False).alias(c.USER),
        pl.col("movieId").cast(pl.Int64, strict=False).alias(c.ITEM),
        pl.lit(Kind.RATING.value).alias(c.KIND),
        pl.col("rating").cast(pl.Float64, strict=False).alias(c.VALUE),
        pl.col("timestamp").cast(pl.Float64, strict=False).alias(c.TS),
    )
    return validate(path.stem, interactions, _items(movies))


def _read_tables(path: Path) -> dict[str, pl.DataFrame]:
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
            if damaged is not None:
                raise DatasetError(f"{path.name}: {damaged} is damaged (its checksum is wrong); fetch the file again")
            members = {Path(name).name: name for name in archive.namelist() if not name.endswith("/")}
            missing = [name for name in COLUMNS if name not in members]
            if missing:
                raise DatasetError(f"{path.name} lacks {', '.join(missing)}; a MovieLens zip has {', '.join(COLUMNS)}")
            return {name: _read_csv(name, archive.read(members[name])) for name in COLUMNS}
    except (OSError, zipfile.BadZipFile, EOFError) as error:
        raise DatasetError(f"{path} is no readable zip ({error}); it may be truncated: fetch the file again") from error


def _read_csv(name: str, raw: bytes) -> pl.DataFrame:
    try:
        frame = pl.read_csv(io.BytesIO(raw), infer_schema_length=0)
    except pl.exceptions.PolarsError as error:
        raise DatasetError(f"{name} is no readable CSV: {error}") from error
    require_columns(name, frame.columns, COLUMNS[name])
    return frame


def _items(movies: pl.DataFrame) -> pl.DataFrame:
    return movies.select(
        pl.col("movieId").cast(pl.Int64, strict=False).alias(c.ITEM),
        pl.col("title").str.strip_chars().alias(c.TITLE),
        pl.col("genres").str.split("|").list.set_difference([NO_GENRES]).alias(c.GENRES),
        pl.col("title").str.extract(r"\((\d{4})\)\s*$").cast(pl.Int32).alias(c.YEAR),
    )
