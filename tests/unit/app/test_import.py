"""`marquee data import`: what people bring is added to what is there, and nothing of theirs is ever overwritten unasked."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import Result
from typer.testing import CliRunner

from app import console, wiring
from app.cli import app
from app.ops.ownership import consuming
from app.usecases import lake_content
from app.usecases.features import verify
from app.usecases.loading import fill, load_data
from app.usecases.replay import FIELDS, round_robin
from core.errors import AlreadyRunning, DatasetError
from core.settings import Settings
from datasets.contract import event_id
from datasets.dataset import Dataset, validate
from datasets.movielens import read_movielens
from lake.adapters.delta import DeltaLake
from lake.item_changes import change
from lake.item_keys import assign
from lake.items_feed import ItemsFeed, keys_of_ids
from lake.tables import INTERACTIONS, ITEM_IDS, ITEMS, USERS

NOW = 1_700_000_000
KEYS = ("user_id", "item_id")


class Home:
    """A home folder, files beside it, and the command line on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.settings = Settings(home=folder / "home")
        self.lake: DeltaLake = wiring.lake(self.settings)  # type: ignore[assignment]

    def file(self, name: str, text: str) -> str:
        path = self.folder / name
        path.write_text(text)
        return str(path)

    def run(self, *arguments: str, answer: str | None = None) -> Result:
        return CliRunner().invoke(app, ["data", *arguments], input=answer, catch_exceptions=False)

    def plays(self, *rows: str, name: str = "plays.csv") -> str:
        return self.file(name, "user_id,item_id,ts\n" + "".join(f"{row}\n" for row in rows))

    @property
    def events(self) -> pl.DataFrame:
        return self.lake.read(INTERACTIONS)

    def titles(self) -> dict[object, str]:
        facts = ItemsFeed(self.lake).look()
        assert facts is not None
        return {facts.id_of(int(key)): facts.title(row) for row, key in enumerate(facts.keys)}

    def shown(self) -> dict[object, bool]:
        facts = ItemsFeed(self.lake).look()
        assert facts is not None
        return {facts.id_of(int(key)): bool(facts.shown[row]) for row, key in enumerate(facts.keys)}

    def stream(self, event_id: str, user: int, item: int) -> None:
        """An event as the consumer appends it."""
        row = {"event_id": event_id, "user_id": user, "item_id": item, "kind": "view", "value": None, "ts": float(NOW + 999)}
        frame = pl.DataFrame({name: [value] for name, value in row.items()}, schema_overrides={"value": pl.Float64})
        self.lake.append(INTERACTIONS, frame.with_columns(request_id=pl.lit(None, pl.String), log_offset=pl.lit(7)))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    monkeypatch.setenv("MARQUEE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "250")
    console.settings.cache_clear()
    yield Home(tmp_path)
    console.settings.cache_clear()


def test_a_second_file_of_the_same_name_adds_to_the_first(home: Home) -> None:
    home.run("import", "--interactions", home.plays(f"1,10,{NOW}", f"1,11,{NOW}"))
    second = home.run("import", "--interactions", home.plays(f"2,12,{NOW}"))
    assert "events: 1 new" in second.stdout
    assert len(home.events) == 3
    grown = home.run("import", "--interactions", home.plays(f"1,10,{NOW}", f"1,11,{NOW}", f"2,12,{NOW}", f"2,13,{NOW}"))
    assert "events: 1 new, 3 there already" in grown.stdout
    assert len(home.events) == 4
    assert home.events["event_id"].n_unique() == 4


def test_an_event_with_an_id_of_its_own_is_known_by_it(home: Home) -> None:
    text = "event_id,user_id,item_id,ts\n"
    home.run("import", "--interactions", home.file("a.csv", text + f"e1,1,10,{NOW}\ne2,1,10,{NOW}\n"))
    again = home.run("import", "--interactions", home.file("b.csv", text + f"e2,1,10,{NOW}\ne3,1,10,{NOW}\n"))
    assert "events: 1 new, 1 there already" in again.stdout
    assert sorted(home.events["event_id"]) == ["e1", "e2", "e3"]


def test_interactions_alone_are_enough_and_titles_are_ids(home: Home) -> None:
    home.run("import", "--interactions", home.plays(f"ann,SKU-1,{NOW}", f"ann,7,{NOW}"))
    assert home.titles() == {7: "7", "SKU-1": "SKU-1"}
    home.run("import", "--items", home.file("films.csv", "item_id,title\nSKU-1,Heat\n"))
    home.run("import", "--interactions", home.plays(f"bob,SKU-1,{NOW}", f"bob,SKU-2,{NOW}"))
    assert home.titles() == {7: "7", "SKU-1": "Heat", "SKU-2": "SKU-2"}


def test_items_alone_are_counted_as_changed_new_or_unchanged_and_are_live(home: Home) -> None:
    home.run(
        "import", "--items", home.file("films.csv", "item_id,title,genres,year\na,A,Drama,1990\nb,B,War,1991\nc,C,War,1992\n")
    )
    feed = ItemsFeed(home.lake)
    feed.look()
    changed = home.run("import", "--items", home.file("films.csv", "id,name\na,A!\nb,B\nd,D\n"))
    assert "items: 1 changed, 1 new, 1 unchanged; 1 that the file does not have stay" in changed.stdout
    began = time.monotonic()
    facts = feed.look()
    assert facts is not None
    assert time.monotonic() - began < 2
    assert [facts.title(row) for row in range(len(facts))] == ["A!", "B", "C", "D"]
    assert home.lake.read(ITEMS).sort("item_id")["year"].to_list() == [
        1990,
        1991,
        1992,
        None,
    ]  # the file has no such column: as it was
    assert "items: 0 changed, 0 new, 3 unchanged" in home.run("import", "--items", str(home.folder / "films.csv")).stdout


def test_items_missing_from_a_complete_catalogue_can_be_hidden(home: Home) -> None:
    home.run("import", "--items", home.file("films.csv", "item_id,title\n1,A\n2,B\n"))
    printed = home.run("import", "--hide-missing", "--items", home.file("films.csv", "item_id,title\n1,A\n")).stdout
    assert "1 of them hidden from now on" in printed
    facts = ItemsFeed(home.lake).look()
    assert facts is not None
    assert facts.shown.tolist() == [True, False]


def test_two_files_with_a_column_id_and_users_with_attributes(home: Home) -> None:
    events = home.file("e.csv", f"id,who,film,when\ne1,ann,f1,{NOW}\n")
    films = home.file("f.csv", "id,name\nf1,Heat\n")
    people = home.file("u.csv", "id,age\nann,25\n")
    arguments = ("--interactions", events, "--items", films, "--users", people, "--map-items", "item_id=id,title=name")
    printed = home.run("import", *arguments, "--map", "event_id=id,user_id=who,item_id=film,ts=when", "--map-users", "user_id=id")
    assert "users with attributes: 0 changed, 1 new, 0 unchanged" in printed.stdout
    assert home.events["event_id"].to_list() == ["e1"]
    assert home.titles() == {"f1": "Heat"}
    assert home.lake.read(USERS)["profile"].to_list() == [["age:25"]]
    assert home.lake.read(USERS)["user_id"].to_list() == home.events["user_id"].to_list()


def test_a_hidden_item_stays_hidden_unless_the_file_decides_otherwise(home: Home) -> None:
    films = home.file("films.csv", "item_id,title\n1,A\n2,B\n3,C\n")
    home.run("import", "--items", films)
    change(home.lake, [1, 2], {"hidden": True})
    assert "0 changed, 0 new, 3 unchanged" in home.run("import", "--items", films).stdout
    home.run("import", "--items", home.file("films.csv", "item_id,title\n1,A!\n2,B\n3,C\n"))
    assert home.shown() == {1: False, 2: False, 3: True}
    decided = home.run("import", "--items", home.file("films.csv", "item_id,hidden\n1,no\n2,\n3,TRUE\n")).stdout
    assert "2 changed, 0 new, 1 unchanged" in decided
    assert home.shown() == {1: True, 2: False, 3: False}
    assert home.titles()[1] == "A!"
    assert "hidden is neither true nor false" in home.run("import", "--items", home.file("f.csv", "id,hidden\n1,maybe\n")).stdout
    assert home.shown()[1]


def test_an_item_that_a_whole_catalogue_lacks_is_gone_at_once_and_back_when_it_returns(home: Home) -> None:
    whole = home.file("whole.csv", "item_id,title\n1,A\n2,B\n3,C\n")
    home.run("import", "--items", whole, "--interactions", home.plays(f"1,3,{NOW}"))
    feed, without = ItemsFeed(home.lake), home.file("without.csv", "item_id,title\n1,A\n")
    feed.look()
    change(home.lake, [2], {"hidden": True})
    home.run("import", "--items", without, "--hide-missing")
    facts = feed.look()
    assert facts is not None
    assert (facts.shown.tolist(), facts.title(2)) == ([True, False, False], "C"), "history still has its title"
    home.run("import", "--interactions", home.plays(f"1,3,{NOW + 1}"))
    assert home.shown() == {1: True, 2: False, 3: False}, "an event does not bring an item back"
    again = home.run("import", "--items", whole, "--hide-missing").stdout
    assert "2 changed (2 of them had been left out before and are back), 0 new, 1 unchanged" in again
    assert home.shown() == {1: True, 2: False, 3: True}, "what somebody hid stays hidden"
    home.run("import", "--items", without, "--hide-missing")
    assert change(home.lake, [3], {"hidden": False}).changed == (3,)
    assert home.shown() == {1: True, 2: False, 3: True}


def test_an_empty_cell_leaves_genres_as_they_are(home: Home) -> None:
    home.run("import", "--items", home.file("films.csv", "item_id,title,genres\n1,A,Drama|War\n"))
    assert "0 changed, 0 new, 1 unchanged" in home.run("import", "--items", home.file("f.csv", "item_id,genres\n1,\n")).stdout
    assert home.lake.read(ITEMS)["genres"].to_list() == [["Drama", "War"]]


def test_a_corrected_value_of_a_known_event_is_updated(home: Home) -> None:
    text = "event_id,user_id,item_id,ts,value\n"
    home.run("import", "--interactions", home.file("a.csv", text + f"e1,1,10,{NOW},2\ne2,1,11,{NOW},3\n"))
    home.stream("s1", 2, 10)
    corrected = home.file("b.csv", text + f"e1,1,10,{NOW + 5},4.5\ne2,1,11,{NOW},3\ne3,1,12,{NOW},1\n")
    printed = home.run("import", "--interactions", corrected).stdout
    assert "3 rows read, 3 kept" in printed
    assert "events: 1 new, 1 changed, 1 there already" in printed
    found = home.events.sort("event_id").select("event_id", "value", "ts", "log_offset")
    assert found.rows() == [
        ("e1", 4.5, NOW + 5, -1), ("e2", 3.0, NOW, -1), ("e3", 1.0, NOW, -1), ("s1", None, NOW + 999, 7),
    ]  # fmt: skip
    assert "events: 0 new, 3 there already" in home.run("import", "--interactions", corrected).stdout


def test_a_corrected_rating_is_known_by_user_item_and_time_also_if_it_was_streamed_or_held_out(home: Home) -> None:
    head = "user_id,item_id,ts,rating\n"
    rows = [f"1,{at},{NOW + at},2\n" for at in range(1, 11)]
    home.run("import", "--hold-out", "0.2", "--interactions", home.file("a.csv", head + "".join(rows)))
    streamed = home.events.head(1).with_columns(event_id=pl.lit("s1"), user_id=pl.lit(5), log_offset=pl.lit(7))
    home.lake.append(INTERACTIONS, streamed)
    when = streamed["ts"][0]
    more = [rows[0].replace(",2\n", ",5\n"), rows[9].replace(",2\n", ",4\n"), f"5,{streamed['item_id'][0]},{when},3\n"]
    printed = home.run("import", "--hold-out", "0.2", "--interactions", home.file("a.csv", head + "".join(more))).stdout
    assert "events: 0 new, 3 changed" in printed
    events = {(user, item): (id_, value) for id_, user, item, value in home.events.select("event_id", *KEYS, "value").iter_rows()}
    assert (events[1, 1][1], events[1, 2][1], len(home.events)) == (5.0, 2.0, 9)
    assert events[5, streamed["item_id"][0]] == ("s1", 3.0)
    assert lake_content.held_out(home.settings).select("item_id", "value").rows() == [(9, 2.0), (10, 4.0)]


def test_an_event_id_that_another_event_has_is_quarantined(home: Home) -> None:
    """Numbers of rows as event ids: the second file's first row is not a correction of the first file's."""
    text = "event_id,user_id,item_id,ts\n"
    home.run("import", "--interactions", home.file("a.csv", text + f"1,1,10,{NOW}\n2,1,11,{NOW}\n"))
    with pytest.raises(DatasetError, match="event_id is that of an event of another user or item"):
        home.run("import", "--interactions", home.file("b.csv", text + f"1,2,12,{NOW}\n2,2,13,{NOW}\n"))
    assert home.events.sort("event_id")["item_id"].to_list() == [10, 11]


def test_two_rows_of_one_event_that_contradict_each_other_are_counted_apart(home: Home) -> None:
    rows = f"1,10,{NOW},4\n1,10,{NOW},2\n1,11,{NOW},3\n1,11,{NOW},3\n"
    printed = home.run("import", "--interactions", home.file("a.csv", "user_id,item_id,ts,rating\n" + rows)).stdout
    assert "4 rows read, 2 kept, 2 not" in printed
    assert "quarantined 1: is the event of an earlier row with another kind, time or value" in printed
    assert "quarantined 1: repeats an earlier row" in printed


@pytest.mark.parametrize("users", ["nobody\nx\n", "user_id,age\n,3\n"], ids=["no id column", "no usable row"])
def test_a_file_that_is_refused_last_leaves_the_lake_as_it_was(home: Home, users: str) -> None:
    files = ("--interactions", home.plays(f"ann,SKU-1,{NOW}"), "--items", home.file("f.csv", "item_id,title\nSKU-1,A\n"))
    with pytest.raises(DatasetError, match=r"u\.csv"):
        home.run("import", *files, "--users", home.file("u.csv", users))
    assert not home.settings.folder("lake").exists()
    with pytest.raises(DatasetError, match="max-bad"):
        home.run("import", "--interactions", home.plays(f"ann,SKU-1,{NOW}", f"ann,,{NOW}"))
    assert not home.settings.folder("lake").exists(), "not even the keys of ids"
    home.plays(f"ann,SKU-1,{NOW}")
    assert home.run("import", *files).exit_code == 0
    version = home.lake.version(ITEM_IDS)
    with pytest.raises(DatasetError):
        home.run(
            "import", "--replace", "--yes", "--interactions", home.plays(f"bob,SKU-2,{NOW}"), "--users", home.file("u.csv", users)
        )
    assert (len(home.events), home.lake.version(ITEM_IDS)) == (1, version)


def test_keys_that_another_process_assigns_during_an_import_are_respected(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another lake object takes the keys that this import has provisionally given, between its reading and its writing."""
    from app.usecases import importing

    other, write = DeltaLake(home.settings.folder("lake")), importing.write

    def late(*arguments: Any) -> None:
        taken = assign(other, ["x", "b"])
        other.upsert(ITEMS, pl.DataFrame({"item_id": [taken["x"]], "title": ["X"]}), ["item_id"])
        write(*arguments)

    monkeypatch.setattr(importing, "write", late)
    home.run(
        "import", "--items", home.file("f.csv", "item_id,title\na,A\nb,B\n"),
        "--interactions", home.plays(f"1,a,{NOW}", f"1,b,{NOW}", f"2,b,{NOW}"),
    )  # fmt: skip
    keys = keys_of_ids(home.lake)
    assert (sorted(keys), len(set(keys.values()))) == (["a", "b", "x"], 3)
    assert home.titles() == {"x": "X", "a": "A", "b": "B"}
    ids = {key: id_ for id_, key in keys.items()}
    events = home.events.select("event_id", *KEYS).rows()
    assert sorted((user, ids[item]) for _, user, item in events) == [(1, "a"), (1, "b"), (2, "b")]
    assert all(f"-{item}-" in event_id for event_id, _, item in events)
    monkeypatch.setattr(importing, "write", write)
    assert "0 new, 3 there already" in home.run("import", "--interactions", str(home.folder / "plays.csv")).stdout


def test_a_corrected_edition_of_the_loaded_set_is_updated(home: Home) -> None:
    films = _films()
    load_data(home.settings, films, 0.1, lambda _: None)
    change(home.lake, [2], {"hidden": True})
    lines: list[str] = []
    load_data(home.settings, films, 0.1, lines.append)
    assert lines == [f"the lake has films already ({films.digest})"]
    titles = films.items.with_columns(title=pl.when(pl.col("item_id") == 1).then(pl.lit("T")).otherwise("title"))
    load_data(home.settings, dataclasses.replace(films, items=titles), 0.1, lines.append)
    assert "items: 1 changed, 0 new, 19 unchanged" in lines
    assert (home.titles()[1], home.shown()[2], len(home.events)) == ("T", False, 18)
    reviewed = pl.when(pl.col("item_id").is_in([1, 20])).then(pl.lit("review")).otherwise("kind")
    events = films.interactions.with_columns(kind=reviewed).with_columns(event_id=event_id())
    load_data(home.settings, dataclasses.replace(films, interactions=events), 0.1, lines.append)
    rated = events.with_columns(value=pl.when(pl.col("kind") == "review").then(3.0))
    home.settings.folder("feast").mkdir()
    lake_content.features_made(home.settings, 0)
    load_data(home.settings, dataclasses.replace(films, interactions=rated), 0.1, lines.append)
    assert "the lake had 18 of these events already; of them 1 changed" in lines
    assert any("`marquee features backfill` makes them anew" in line for line in lines)
    assert not lake_content.features_were_made(home.settings)
    assert home.events.filter(pl.col("kind") == "review")["value"].to_list() == [3.0]
    assert lake_content.held_out(home.settings).filter(pl.col("kind") == "review")["value"].to_list() == [3.0]


def test_leading_zeros_in_one_file_and_integers_in_the_other_are_noticed(home: Home) -> None:
    events, films = home.plays(f"7,7,{NOW}", f"8,8,{NOW}"), home.file("f.csv", "item_id,title\n007,A\n008,B\n")
    with pytest.raises(DatasetError, match="item_id is not in the catalogue"):
        home.run("import", "--interactions", events, "--items", films)
    printed = home.run("import", "--interactions", events, "--users", home.file("u.csv", "user_id,age\n007,3\n8,4\n")).stdout
    assert "1 of the 2 users of the new events have attributes in u.csv" in printed


def test_a_dry_run_shows_what_rows_will_be_and_writes_nothing(home: Home) -> None:
    printed = home.run("import", "--dry-run", "--interactions", home.plays(f"007,SKU-1,{NOW}")).stdout
    for part in (
        "ts from column 'ts': Unix seconds",
        "events: 1 new",
        "007",
        "SKU-1",
        "2023-11-14 22:13:20Z",
        "nothing was written",
    ):
        assert part in printed
    assert not (home.folder / "home").exists()


def test_bad_rows_are_in_a_file_and_too_many_of_them_stop_the_import(home: Home) -> None:
    rows = [f"1,{at},{NOW}" for at in range(1, 40)]
    printed = home.run("import", "--interactions", home.plays(*rows, "1,99,2099-01-01")).stdout
    (path,) = (home.folder / "home" / "quarantine").iterdir()
    assert str(path) in printed
    assert json.loads(path.read_text())["line"] == 41
    with pytest.raises(DatasetError, match=r"50\.0% of the rows are bad.*--max-bad"):
        home.run("import", "--interactions", home.plays(f"5,5,{NOW}", ",6,1"))
    assert len(home.events) == 39
    assert not (home.folder / "home" / "import").exists()


def test_streamed_events_stay_and_are_not_imported_a_second_time(home: Home) -> None:
    home.run("import", "--interactions", home.plays(f"1,10,{NOW}"))
    home.stream("s1", 1, 10)
    assert "0 new, 1 there already" in home.run("import", "--interactions", home.plays(f"1,10,{NOW + 999}")).stdout
    assert sorted(home.events["log_offset"]) == [-1, 7]


def test_history_is_not_imported_while_a_consumer_runs_but_items_are(home: Home) -> None:
    with consuming(home.settings.home):
        with pytest.raises(AlreadyRunning, match=r"stop it .*Items alone can be imported at any time"):
            home.run("import", "--interactions", home.plays(f"1,10,{NOW}"))
        with consuming(home.settings.home):  # a second consumer is welcome
            assert "1 new" in home.run("import", "--items", home.file("f.csv", "item_id,title\n1,A\n")).stdout


def test_own_data_is_not_overwritten_by_a_load_but_by_a_confirmed_replace(home: Home) -> None:
    home.run("import", "--interactions", home.plays(f"1,10,{NOW}", f"2,10,{NOW}"))
    home.stream("s1", 1, 10)
    with pytest.raises(
        DatasetError, match="the lake holds plays: 2 imported and 1 streamed event of 2 users, 1 item; use --replace"
    ):
        home.run("load")
    refused = home.run("import", "--replace", "--interactions", home.plays(f"3,11,{NOW}"), answer="n\n")
    assert refused.exit_code == 1
    assert "2 imported and 1 streamed event" in refused.stdout
    assert len(home.events) == 3
    with pytest.raises(DatasetError, match="no row"):
        home.run("import", "--replace", "--yes", "--interactions", home.plays())
    assert len(home.events) == 3  # a file that cannot be used costs nothing
    home.run("import", "--replace", "--yes", "--interactions", home.plays(f"3,11,{NOW}"))
    assert home.events["user_id"].to_list() == [3]
    assert home.titles() == {11: "11"}


def test_a_replacement_is_checked_as_if_the_lake_were_empty_before_it_is_emptied(home: Home) -> None:
    text = "event_id,user_id,item_id,ts\n"
    home.run("import", "--interactions", home.file("a.csv", text + f"1,1,10,{NOW}\n2,1,11,{NOW}\n"))
    other = ("--interactions", home.file("b.csv", text + f"1,2,12,{NOW}\n2,2,10,{NOW}\n"))
    with pytest.raises(DatasetError, match="item_id is not in the catalogue"):  # 10 is an item of the lake alone
        home.run("import", "--replace", "--yes", *other, "--items", home.file("f.csv", "item_id,title\n12,L\n"))
    assert len(home.events) == 2
    printed = home.run("import", "--replace", "--dry-run", *other).stdout
    assert "events: 2 new\n" in printed
    assert "items: 2 new" in printed
    assert home.run("import", "--replace", "--yes", *other).exit_code == 0  # its event ids were those of other events
    assert home.events.sort("event_id")["item_id"].to_list() == [12, 10]


def test_own_data_does_not_slip_in_between_loaded_films(home: Home) -> None:
    load_data(home.settings, _films(), 0.0, lambda _: None)
    with pytest.raises(DatasetError, match=r"the lake holds films .*--replace .*--add"):
        home.run("import", "--interactions", home.plays(f"1,1,{NOW}"))
    home.run("import", "--add", "--interactions", home.plays(f"1,1,{NOW}"))
    assert len(home.events) == 21


def test_another_hold_out_of_the_same_set_deletes_nothing(home: Home) -> None:
    load_data(home.settings, _films(), 0.1, lambda _: None)
    home.stream("s1", 1, 1)
    assert (len(home.events), len(lake_content.held_out(home.settings))) == (19, 2)
    load_data(home.settings, _films(), 0.5, lambda _: None)
    assert (len(home.events), len(lake_content.held_out(home.settings))) == (19, 2)
    load_data(home.settings, _films(), 0.0, lambda _: None)
    assert (len(home.events), len(lake_content.held_out(home.settings))) == (21, 0)
    assert "s1" in home.events["event_id"].to_list()


def test_a_held_out_share_stays_out_when_the_file_comes_again(home: Home) -> None:
    rows = [f"1,{at},{NOW + at}" for at in range(1, 11)]
    for _ in range(2):
        home.run("import", "--hold-out", "0.2", "--interactions", home.plays(*rows))
        assert (len(home.events), lake_content.held_out(home.settings)["item_id"].to_list()) == (8, [9, 10])
    home.run("import", "--interactions", home.plays(*rows))
    assert len(home.events) == 10


def test_held_out_events_of_an_older_home_are_replayed_and_grow(home: Home) -> None:
    rows = [f"1,{at},{NOW + at}" for at in range(1, 11)]
    home.run("import", "--hold-out", "0.2", "--interactions", home.plays(*rows))
    path = home.settings.folder("lake") / lake_content.HELD_OUT
    pl.read_parquet(path).drop("external_user").write_parquet(path)  # as it was written before ids were of any kind
    assert round_robin(lake_content.held_out(home.settings)).select(FIELDS)["external_user"].to_list() == [None, None]
    home.run(
        "import", "--hold-out", "0.2", "--interactions", home.plays(*rows, *(f"ann,{at},{NOW + at}" for at in range(20, 30)))
    )
    assert set(lake_content.held_out(home.settings)["external_user"]) == {None, "ann"}


def test_the_bundled_films_go_into_an_empty_lake_only(home: Home) -> None:
    home.run("import", "--items", home.file("f.csv", "item_id,title\n1,A\n"))
    with pytest.raises(DatasetError, match="1 items and no event"):
        fill(home.settings, read_movielens, lambda _: None)
    home.run("import", "--interactions", home.plays(f"1,1,{NOW}"))
    printed: list[str] = []
    fill(home.settings, read_movielens, printed.append)
    assert printed == ["the lake has plays already, which is used: 1 imported and 0 streamed events of 1 user, 1 item"]


def test_features_that_were_made_before_are_right_after_an_import(home: Home) -> None:
    from app.usecases.features import materialize

    home.run("import", "--interactions", home.plays(*(f"{user},{item},{NOW + item}" for user in (1, 2) for item in (1, 2, 3))))
    materialize(home.settings, lambda _: None)
    lake_content.features_made(home.settings, 0)
    home.run(
        "import", "--interactions", home.plays(f"1,4,{NOW - 50}", f"ann,1,{NOW}"), "--users", home.file("u.csv", "id,age\n2,30\n")
    )
    found = verify(home.settings, 10, 0)
    assert (found.checked, found.found) == (3, False)
    features = wiring.features(home.settings).read(2)
    assert features is not None
    assert features.profile == ("age:30",)
    rated = "event_id,user_id,item_id,ts,kind,value\n"
    home.run("import", "--interactions", home.file("r.csv", rated + f"r1,1,2,{NOW + 60},rating,1\n"))
    assert "1 changed" in home.run("import", "--interactions", home.file("r.csv", rated + f"r1,1,2,{NOW + 60},rating,5\n")).stdout
    features = wiring.features(home.settings).read(1)
    assert features is not None
    assert (features.rating_count, features.rating_sum) == (1, 5.0)
    assert not verify(home.settings, 10, 0).found
    home.run("import", "--replace", "--yes", "--interactions", home.plays(f"9,4,{NOW}"))
    assert wiring.features(home.settings).read(1) is None


def test_an_import_in_several_parts_is_the_same_as_in_one(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    from app.usecases import import_writing
    from datasets import sources

    monkeypatch.setattr(sources, "_BLOCK", 2_000)
    monkeypatch.setattr(import_writing, "_PART", 100)
    rows = [f"{at % 50},i{at % 30},{NOW + at}" for at in range(1, 1000)] + [f"51,,{NOW}", f"1,i1,{NOW + 1}"]
    printed = home.run("import", "--interactions", home.plays(*rows)).stdout
    assert "1,001 rows read, 999 kept" in printed  # one has no item, one is there twice
    assert len(home.events) == 999
    assert home.events["event_id"].n_unique() == 999
    assert len(keys_of_ids(home.lake)) == 30
    quarantined = pl.read_ndjson(next((home.folder / "home" / "quarantine").iterdir()))
    assert quarantined.filter(pl.col("column") == "item_id")["line"].to_list() == [1001]


def _films() -> Dataset:
    rows = {"user_id": [1] * 20, "item_id": range(1, 21), "kind": ["view"] * 20, "value": [None] * 20}
    events = pl.DataFrame(rows, schema_overrides={"value": pl.Float64}).with_columns(ts=pl.col("item_id") + float(NOW))
    items = pl.DataFrame({"item_id": range(1, 21), "title": ["t"] * 20, "genres": [["g"]] * 20, "year": [2000] * 20})
    return validate("films", events, items)
