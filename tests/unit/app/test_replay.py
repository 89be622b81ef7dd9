"""The order of the replay: users take turns, each in time order."""

from __future__ import annotations

import polars as pl

from app.usecases.replay import round_robin


def test_users_take_turns_and_each_keeps_their_order() -> None:
    events = pl.DataFrame({"user_id": [7, 7, 7, 8, 9, 8], "ts": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0], "item_id": [1, 2, 3, 4, 5, 6]})
    turns = round_robin(events)
    assert turns["user_id"].to_list() == [7, 8, 9, 7, 8, 7]
    for user in (7, 8, 9):
        times = turns.filter(pl.col("user_id") == user)["ts"].to_list()
        assert times == sorted(times)
