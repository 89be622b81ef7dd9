"""The online record: whatever goes in comes out bit for bit, in few bytes, and damage is noticed."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.features import HISTORY_LENGTH, UserFeatures
from core.ids import MAX_INTEGER
from core.kinds import CONSUMING, KIND_CODE, Kind
from feature_repo.packing import ByteReader, ByteWriter
from feature_repo.record import NAMED, PLAIN, UnreadableRecord, pack, unpack
from feature_repo.record_columns import GENRES, read_consumed, write_consumed

NOW = 1_700_000_000.0
CONSUMES = np.array([kind in CONSUMING for kind in Kind])


def assert_identical(left: UserFeatures, right: UserFeatures) -> None:
    for name in (f.name for f in fields(UserFeatures)):
        one, other = getattr(left, name), getattr(right, name)
        if isinstance(other, np.ndarray):
            assert (one.dtype, one.tobytes()) == (other.dtype, other.tobytes()), name
        else:
            assert (type(one), one) == (type(other), other), name


ITEM = st.integers(1, 50) | st.integers(1, MAX_INTEGER)
VALUE = st.integers(0, 10).map(lambda halves: halves / 2) | st.floats(width=32)
MOMENTS = (
    st.integers(0, 2**32).map(float),
    st.integers(0, 2**42).map(lambda milliseconds: milliseconds / 1000),
    st.floats(0, 1e12),
    st.floats(0, allow_nan=False),
)


def sorted_ids(draw: st.DrawFn) -> np.ndarray:
    return np.array(sorted(draw(st.sets(ITEM, max_size=8))), dtype=np.int64)


@st.composite
def users(draw: st.DrawFn) -> UserFeatures:
    moment = draw(st.sampled_from(MOMENTS))
    events = draw(st.lists(st.tuples(ITEM, st.integers(0, len(Kind) - 1), VALUE, moment), max_size=20))
    items, kinds, values, times = (np.array([event[at] for event in events]) for at in range(4))
    items, kinds = items.astype(np.int64), kinds.astype(np.int64)
    genres = tuple(sorted(draw(st.sets(st.sampled_from(GENRES) | st.text(max_size=8), max_size=8))))
    implied = np.unique(items[CONSUMES[kinds]])
    consumed = [implied, np.union1d(implied, sorted_ids(draw)), sorted_ids(draw)][draw(st.integers(0, 2))]
    return UserFeatures(
        user_id=draw(st.integers(1, MAX_INTEGER)),
        item_ids=items,
        kinds=kinds,
        values=values.astype(np.float32),
        times=np.sort(times.astype(np.float64)),
        genres=genres,
        genre_weights=np.array([draw(st.floats(width=32)) for _ in genres], dtype=np.float32),
        n_events=draw(st.integers(0, 2**62)),
        rating_count=draw(st.integers(0, 2**62)),
        rating_sum=draw(st.floats(allow_nan=False)),
        last_seen=draw(st.floats(allow_nan=False)),
        consumed=consumed,
        profile=tuple(draw(st.lists(st.text(max_size=12), max_size=5))),
        applied_offset=draw(st.integers(-1, 2**62)),
    )


@given(users())
def test_what_is_packed_is_unpacked_bit_for_bit(user: UserFeatures) -> None:
    assert_identical(unpack(user.user_id, pack(user)), user)


@given(users(), st.data())
def test_a_record_that_ends_early_or_late_is_refused(user: UserFeatures, data: st.DataObject) -> None:
    raw = pack(user)
    for damaged in (raw[: data.draw(st.integers(0, len(raw) - 1))], raw + b"\0"):
        with pytest.raises(UnreadableRecord, match="damaged"):
            unpack(user.user_id, damaged)


@given(st.sampled_from([PLAIN, NAMED]), st.binary(max_size=200))
def test_noise_is_refused_or_read_but_never_crashes(layout: int, noise: bytes) -> None:
    with suppress(UnreadableRecord):
        assert unpack(1, bytes([layout]) + noise).user_id == 1


def test_another_layout_is_refused() -> None:
    with pytest.raises(UnreadableRecord, match="its layout is 3, and this code reads 1, 2"):
        unpack(1, b"\x03" + pack(UserFeatures(1))[1:])


GOLDEN_USER = UserFeatures(
    user_id=7,
    item_ids=np.array([260, 1, 2571]),
    kinds=np.array([KIND_CODE["rating"], KIND_CODE["watch"], KIND_CODE["click"]]),
    values=np.array([4.5, 95.25, 0.0], dtype=np.float32),
    times=np.array([NOW - 60, NOW - 60, NOW]),
    genres=("Drama", "Giallo"),
    genre_weights=np.array([1.0, 0.5], dtype=np.float32),
    n_events=3,
    rating_count=1,
    rating_sum=4.5,
    last_seen=NOW,
    consumed=np.array([1, 99, 260]),
    profile=("age:25",),
    applied_offset=41,
)


def test_layout_1_stays_readable() -> None:
    """Records that version b4e2d62 stored have these bytes, whatever layout is written today."""
    assert_identical(unpack(7, bytes.fromhex(GOLDEN)), GOLDEN_USER)


def test_the_layout_does_not_change() -> None:
    """A change of any byte here needs a new layout, and a reader beside those that are there."""
    assert pack(GOLDEN_USER).hex() == GOLDEN


@pytest.mark.parametrize("consuming", [0, 0b1100, 0b110_0001_1100, 1 << 10, 1 << 63])
def test_what_was_consumed_is_read_with_the_kinds_of_the_time_of_writing(consuming: int) -> None:
    """Neither a kind that came later nor one that now consumes changes what an older record says."""
    items, kinds = np.array([5, 6, 7, 8]), np.array([2, 3, 10, 1])
    for consumed in (np.array([5, 6]), np.array([5, 6, 7]), np.array([], dtype=np.int64), np.array([1, 9])):
        writer = ByteWriter()
        write_consumed(writer, consumed, items, kinds, consuming)
        assert read_consumed(ByteReader(writer.bytes()), items, kinds).tolist() == consumed.tolist()


GOLDEN = (
    "0103012a03010c0301000a0a0102060004c9000080be420100034400c4f053653c9c060101006300800101064769616c6c6f0000803f"
    "0000003f01066167653a3235000000000000124001"
)


def typical(n: int, seed: int, seconds: float) -> UserFeatures:
    """A user of a busy service: n mixed events within 90 days, times in multiples of `seconds` (0: any), 18 genres."""
    rng = np.random.default_rng(seed)
    times = np.sort(NOW - rng.random(n) * 90 * 86_400)
    times = np.floor(times / seconds) * seconds if seconds else times
    kinds = rng.choice(len(Kind), n)
    items = rng.integers(1, 20_000, n)
    rated = np.isin(kinds, [KIND_CODE[Kind.RATING], KIND_CODE[Kind.REVIEW]])
    values = np.where(rated, rng.integers(1, 11, n) / 2, np.where(kinds == KIND_CODE[Kind.WATCH], rng.random(n) * 120, 0))
    return UserFeatures(
        user_id=1,
        item_ids=items,
        kinds=kinds,
        values=values.astype(np.float32),
        times=times,
        genres=tuple(sorted(GENRES[:18])),
        genre_weights=rng.random(18, dtype=np.float32),
        n_events=n,
        rating_count=int(rated.sum()),
        rating_sum=float(values[rated].sum()),
        last_seen=float(times[-1]),
        consumed=np.unique(items[CONSUMES[kinds]]),
        profile=("age:25", "gender:F", "occupation:12"),
        applied_offset=10**7,
    )


@pytest.mark.parametrize(("n", "seconds", "max_bytes"), [(60, 1.0, 530), (60, 0.0, 720), (HISTORY_LENGTH, 0.0, 1900)])
def test_a_typical_record_is_small(n: int, seconds: float, max_bytes: int) -> None:
    assert np.mean([len(pack(typical(n, seed, seconds))) for seed in range(20)]) <= max_bytes


def test_what_the_history_implies_costs_nothing() -> None:
    user = typical(60, 1, 1.0)
    without = replace(user, consumed=user.consumed[1:])
    assert len(pack(user)) < len(pack(without))


def test_the_id_behind_a_hashed_key_comes_along_and_whole_numbers_cost_nothing() -> None:
    named = replace(GOLDEN_USER, user_id=2**62 + 1, external_id="ann@x.org/é")
    assert unpack(named.user_id, pack(named)).external_id == named.external_id
    assert len(pack(named)) == len(pack(GOLDEN_USER)) + 1 + len(named.external_id.encode())
    assert pack(named)[0] == NAMED
    assert pack(GOLDEN_USER)[0] == PLAIN
