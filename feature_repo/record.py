"""The online record: one user's features in a few hundred bytes, and back, bit for bit.

What makes it small: events lie column by column in as few bits as they need; times are gaps in the coarsest unit that keeps
them exact; `consumed` is what the history implies, corrected by what it does not know; well-known genres are one bit each.
The first byte is the version of the layout. `pack` writes the latest; `unpack` has a reader for each that was ever stored, so a
new layout needs no rewrite of what is there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from core.features import UserFeatures
from feature_repo import record_columns as columns
from feature_repo.packing import ByteReader, ByteWriter, Malformed

PLAIN, NAMED = 1, 2  # layouts: for an integer id, which is the key, and for one that is stored with the record


class UnreadableRecord(ValueError):
    """A record of another layout, or damaged."""


def pack(user: UserFeatures) -> bytes:
    """The record, without the user's key. `consumed` and `genres` must be sorted."""
    writer = ByteWriter()
    writer.uint(NAMED if user.external_id else PLAIN)
    if user.external_id:
        writer.text(user.external_id)
    for count in (user.n_events, user.rating_count, user.applied_offset + 1, len(user.item_ids)):
        writer.uint(count)
    writer.fixed(user.item_ids.view(np.uint64))
    writer.fixed(user.kinds.view(np.uint64))
    columns.write_values(writer, user.values)
    columns.write_times(writer, user.times)
    columns.write_consumed(writer, user.consumed, user.item_ids, user.kinds)
    columns.write_genres(writer, user.genres, user.genre_weights)
    columns.write_words(writer, user.profile)
    writer.real(user.rating_sum)
    columns.write_real(writer, user.last_seen, usually=_latest(user.times))
    return writer.bytes()


def unpack(user_id: int, raw: bytes) -> UserFeatures:
    """The inverse of `pack`. Raises UnreadableRecord."""
    reader = ByteReader(raw)
    try:
        version = reader.uint()
        if version not in _READERS:
            raise UnreadableRecord(f"its layout is {version}, and this code reads {', '.join(map(str, _READERS))}")
        user = _READERS[version](user_id, reader)
    except Malformed as error:
        raise UnreadableRecord(f"it is damaged: {error}") from error
    if not reader.finished():
        raise UnreadableRecord("it is damaged: there are bytes after its end")
    return user


def _read_v1(user_id: int, reader: ByteReader) -> UserFeatures:
    n_events, rating_count, position, n = (reader.uint() for _ in range(4))
    item_ids, kinds = reader.fixed(n).view(np.int64), reader.fixed(n).view(np.int64)
    values, times = columns.read_values(reader, n), columns.read_times(reader, n)
    consumed = columns.read_consumed(reader, item_ids, kinds)
    genres, genre_weights = columns.read_genres(reader)
    return UserFeatures(
        user_id=user_id,
        item_ids=item_ids,
        kinds=kinds,
        values=values,
        times=times,
        genres=genres,
        genre_weights=genre_weights,
        n_events=n_events,
        rating_count=rating_count,
        consumed=consumed,
        profile=columns.read_words(reader),
        rating_sum=reader.real(),
        last_seen=columns.read_real(reader, usually=_latest(times)),
        applied_offset=position - 1,
    )


def _read_v2(user_id: int, reader: ByteReader) -> UserFeatures:
    name = reader.text()
    return replace(_read_v1(user_id, reader), external_id=name)


def _latest(times: columns.Times) -> float:
    return float(times[-1]) if len(times) else 0.0


_READERS: Mapping[int, Callable[[int, ByteReader], UserFeatures]] = {
    PLAIN: _read_v1,
    NAMED: _read_v2,
}  # a reader that was released is never changed
