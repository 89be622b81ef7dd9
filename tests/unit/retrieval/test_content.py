"""What an item is like: its tokens depend on nothing but itself, and no field drowns another."""

from __future__ import annotations

import zlib

import numpy as np
import polars as pl
import pytest

from core.catalogue import Catalogue
from retrieval.content import FIELDS, Vocabulary, content_tokens, year_buckets

FILMS = pl.DataFrame(
    {
        "item_id": [1, 2, 3],
        "title": ["Heat (1995)", "The Heat (2013)", "Alien (1979)"],
        "genres": [["Crime", "Drama"], ["Crime"], []],
        "year": [1995, 2013, None],
        "overview": ["A thief and a cop. " * 9, "Two cops meet a thief", ""],
        "tags": [["drama", "tense"], None, ["tense", " Tense "]],
        "people": [["Al Pacino"], [], ["Sigourney Weaver"]],
        "keywords": [None, None, ["space"]],
        "language": ["en", "en", None],
    }
)


def catalogue(*items: int) -> Catalogue:
    return Catalogue.from_frame(FILMS.filter(pl.col("item_id").is_in(items or (1, 2, 3))))


def tokens_of(film: int, field: str, of: Catalogue | None = None) -> set[int]:
    tokens = content_tokens(of or catalogue())
    there = (tokens.items == film - 1) & (tokens.fields == FIELDS.index(field))
    return set(tokens.hashes[there].tolist())


def crc(*names: str) -> set[int]:
    return {zlib.crc32(name.encode()) for name in names}


def test_tokens_are_named_after_their_field_and_hashed_alike_everywhere() -> None:
    assert zlib.crc32(b"genre:Drama") == 3970631068
    assert tokens_of(1, "genre") == crc("genre:Crime", "genre:Drama")
    assert tokens_of(1, "year") == crc("year:20")
    assert tokens_of(3, "year") == crc("year:0")
    assert tokens_of(1, "title") == crc("title:heat")
    assert tokens_of(1, "overview") == crc("overview:a", "overview:thief", "overview:and", "overview:cop")
    assert tokens_of(1, "tag") == crc("tag:drama", "tag:tense")
    assert tokens_of(3, "tag") == crc("tag:tense")
    assert tokens_of(1, "person") == crc("person:al pacino")
    assert tokens_of(3, "keyword") == crc("keyword:space")
    assert tokens_of(2, "language") == crc("language:en")
    assert tokens_of(3, "language") == set()


def test_an_items_tokens_do_not_depend_on_the_other_items() -> None:
    alone = content_tokens(catalogue(3))
    among = content_tokens(catalogue())
    assert sorted(alone.hashes) == sorted(among.hashes[among.items == 2])


def test_a_vocabulary_has_every_genre_and_year_and_what_two_items_share() -> None:
    vocabulary = Vocabulary.of(content_tokens(catalogue()))
    known = set(vocabulary.hashes.tolist())
    assert crc("genre:Drama", "genre:Crime", "year:0", "title:heat", "tag:tense", "overview:thief", "language:en") <= known
    assert not crc("title:alien", "keyword:space", "person:al pacino") & known
    at = {
        name: float(vocabulary.idf[vocabulary.hashes == zlib.crc32(name.encode())][0]) for name in ("genre:Drama", "title:heat")
    }
    assert at == {"genre:Drama": 1.0, "title:heat": pytest.approx(np.log(1 + 3 / 2))}


def test_every_field_has_length_one_however_long_it_is() -> None:
    tokens = content_tokens(catalogue())
    vocabulary = Vocabulary.of(tokens)
    bags = vocabulary.bags(tokens)
    field_of = dict(zip(tokens.hashes.tolist(), tokens.fields.tolist(), strict=True))
    for item in range(3):
        part = slice(bags.offsets[item], bags.offsets[item + 1])
        fields = np.array([field_of[token] for token in vocabulary.hashes[bags.rows[part]].tolist()])
        lengths = np.bincount(fields, weights=bags.weights[part].astype(float) ** 2)
        np.testing.assert_allclose(lengths[np.unique(fields)], 1, rtol=1e-5)


def test_a_long_field_is_cut_to_its_rarest_tokens() -> None:
    common, rare = [f"common{i}" for i in range(20)], [f"rare{i}" for i in range(30)]
    words = [" ".join(common), " ".join(common), " ".join(common + rare), " ".join(common + rare)]
    films = pl.DataFrame(
        {"item_id": [1, 2, 3, 4], "title": [""] * 4, "genres": [["x"]] * 4, "year": [None] * 4, "overview": words}
    )
    tokens = content_tokens(Catalogue.from_frame(films))
    vocabulary = Vocabulary.of(tokens)
    bags = vocabulary.bags(tokens)
    read = set(vocabulary.hashes[bags.rows[bags.offsets[3] :]].tolist())
    assert crc(*(f"overview:{word}" for word in rare)) <= read
    assert len(read & crc(*(f"overview:{word}" for word in common))) == 2


def test_tokens_that_a_model_does_not_know_are_left_out() -> None:
    vocabulary = Vocabulary.of(content_tokens(catalogue(1, 2)))
    bags = vocabulary.bags(content_tokens(catalogue(3)))
    assert bags.offsets.tolist() == [0, 0]
    assert len(bags.rows) == len(bags.weights) == 0


def test_year_buckets() -> None:
    years = np.array([0, 1880, 1900, 1904, 1905, 2018, 3000], dtype=np.float32)
    assert year_buckets(years).tolist() == [0, 1, 1, 1, 2, 24, 41]
