"""The columns of the online record: how each kind of number is made small. `record.py` says in which order they stand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from core.kinds import CONSUMING, codes
from feature_repo.packing import ByteReader, ByteWriter, Malformed

Ids = NDArray[np.int64]
Floats = NDArray[np.float32]
Times = NDArray[np.float64]

# Genres that are one bit of the record instead of a word. The place of a name is part of the layout: append only.
GENRES: tuple[str, ...] = (
    "Action", "Adventure", "Animation", "Children", "Comedy", "Crime", "Documentary", "Drama", "Fantasy", "Film-Noir", "Horror",
    "IMAX", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War", "Western", "Children's", "Family", "History", "Music",
    "Science Fiction", "TV Movie", "Biography", "Sport", "Reality-TV", "Talk-Show", "News", "Kids", "Anime",
)  # fmt: skip
_GENRE_BIT = {name: 1 << place for place, name in enumerate(GENRES)}
_CONSUMING = sum(1 << code for code in codes(CONSUMING))
_UNITS = (1, 1000)  # per second, the coarser one first; times that fit neither are written as float64
_MAX_HALVES = 10  # 0 to 5 stars are a code; a larger number of halves follows its code, as does any other float32
_LARGE, _OTHER = _MAX_HALVES + 1, _MAX_HALVES + 2
_TOO_LARGE = 2.0**16
_FAR_FUTURE = 2.0**40  # seconds; up to here milliseconds are exact integers of a float64


def write_values(writer: ByteWriter, values: Floats) -> None:
    """Stars are multiples of a half: four bits each."""
    with np.errstate(over="ignore"):
        halves = values * np.float32(2)
    whole = (halves == np.floor(halves)) & ~np.signbit(halves) & (halves < _TOO_LARGE)
    small = whole & (halves <= _MAX_HALVES)
    codes = np.where(small, halves, np.where(whole, np.float32(_LARGE), np.float32(_OTHER))).astype(np.uint64)
    writer.fixed(codes)
    if not small.all():
        writer.fixed(halves[codes == _LARGE].astype(np.uint64))
        writer.floats(values[codes == _OTHER])


def read_values(reader: ByteReader, n: int) -> Floats:
    codes = reader.fixed(n)
    if n and codes.max() > _OTHER:
        raise Malformed(f"a value of code {codes.max()}")
    values = codes.astype(np.float32) / np.float32(2)
    if n and codes.max() > _MAX_HALVES:
        large, other = codes == _LARGE, codes == _OTHER
        values[large] = reader.fixed(int(large.sum())).astype(np.float32) / np.float32(2)
        values[other] = reader.floats(int(other.sum()))
    return values


def write_times(writer: ByteWriter, times: Times) -> None:
    """Gaps between ascending times, in the coarsest unit that keeps all of them exact."""
    for unit in _UNITS if times.max(initial=0.0) < _FAR_FUTURE else ():
        ticks = np.rint(times * unit) + 0.0  # no negative zero, which an integer cannot keep
        if (ticks / unit).tobytes() == times.tobytes():
            writer.uint(unit)
            writer.ragged(_gaps(ticks.astype(np.int64).view(np.uint64)))
            return
    writer.uint(0)
    writer.ragged(_gaps(times.view(np.uint64)))  # the bits of positive floats ascend as the floats do


def read_times(reader: ByteReader, n: int) -> Times:
    unit = reader.uint()
    ticks = np.cumsum(reader.ragged(n), dtype=np.uint64)
    if unit in _UNITS:
        return ticks.view(np.int64) / unit
    if unit:
        raise Malformed(f"times in 1/{unit} s")
    return ticks.view(np.float64)


def write_consumed(writer: ByteWriter, consumed: Ids, items: Ids, kinds: Ids, consuming: int = _CONSUMING) -> None:
    """Sorted ids: those that the history implies are not written, only what it adds (`consumed` outlives it) or lacks.

    The codes that were `consuming` when the record was written are its first number, one bit each: it is read with them,
    whatever kinds there are by then.
    """
    implied = _implied(items, kinds, consuming)
    writer.uint(consuming)
    if np.array_equal(consumed, implied):
        consumed = implied = consumed[:0]
    for ids in (_without(consumed, implied), _without(implied, consumed)):
        writer.uint(len(ids))
        writer.ragged(_gaps(ids.view(np.uint64)))


def read_consumed(reader: ByteReader, items: Ids, kinds: Ids) -> Ids:
    implied = _implied(items, kinds, reader.uint())
    more, less = (np.cumsum(reader.ragged(reader.uint()), dtype=np.uint64).view(np.int64) for _ in range(2))
    kept = _without(implied, less)
    return np.insert(more, more.searchsorted(kept), kept) if len(more) else kept


def write_genres(writer: ByteWriter, genres: Sequence[str], weights: Floats) -> None:
    """Sorted names and their weights."""
    others = [name for name in genres if name not in _GENRE_BIT]
    writer.uint(sum(_GENRE_BIT.get(name, 0) for name in genres))
    write_words(writer, others)
    writer.floats(weights)


def read_genres(reader: ByteReader) -> tuple[tuple[str, ...], Floats]:
    bits = reader.uint()
    if bits >> len(GENRES):
        raise Malformed(f"genre {bits.bit_length()} of {len(GENRES)}")
    names = [name for name, bit in _GENRE_BIT.items() if bits & bit]
    genres = tuple(sorted([*names, *read_words(reader)]))
    return genres, reader.floats(len(genres))


def write_words(writer: ByteWriter, words: Sequence[str]) -> None:
    writer.uint(len(words))
    for word in words:
        writer.text(word)


def read_words(reader: ByteReader) -> tuple[str, ...]:
    return tuple(reader.text() for _ in range(reader.uint()))


def write_real(writer: ByteWriter, number: float, usually: float) -> None:
    """A float64 that is mostly the one expected."""
    same = np.float64(number).tobytes() == np.float64(usually).tobytes()
    writer.uint(int(same))
    if not same:
        writer.real(number)


def read_real(reader: ByteReader, usually: float) -> float:
    return usually if reader.uint() else reader.real()


def _gaps(ascending: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Differences, the first from 0; they wrap around, so that any order comes back."""
    gaps = ascending.copy()
    gaps[1:] -= ascending[:-1]
    return gaps


def _implied(items: Ids, kinds: Ids, consuming: int) -> Ids:
    """Sorted ids of the events whose kind is one of the bits of `consuming`."""
    ids = np.sort(items[(np.uint64(consuming) >> kinds.view(np.uint64)) & np.uint64(1) == 1])
    new: NDArray[np.bool_] = np.ones(len(ids), dtype=np.bool_)
    new[1:] = ids[1:] != ids[:-1]
    return ids[new]


def _without(ids: Ids, others: Ids) -> Ids:
    """The sorted unique `ids` that are not among the sorted `others`."""
    if not len(others) or not len(ids):
        return ids
    nearest = others[others.searchsorted(ids).clip(max=len(others) - 1)]
    remaining: Ids = ids[nearest != ids]
    return remaining
