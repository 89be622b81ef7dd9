"""Anybody's files: dialects are detected and reported, a bad row is set aside alone, nothing changes its meaning in silence."""

from __future__ import annotations

import json
import time
from pathlib import Path

import polars as pl
import pytest

from core.errors import DatasetError, InvalidInput
from core.events import ClockRule
from datasets.catalogue_file import read_item_file
from datasets.contract import ANY_TIME, Seen
from datasets.interactions import ImportCatalogue, InteractionFile, Reading
from datasets.quarantine import Quarantine
from datasets.sources import SourceFile
from datasets.user_file import read_user_file

HEAD = "user_id,item_id,ts,value\n"


class Read:
    """A file, read with an open catalogue."""

    def __init__(self, path: Path, reading: Reading | None = None, clock: ClockRule = ANY_TIME) -> None:
        self.file = InteractionFile(SourceFile(path), reading or Reading())
        self.quarantine = Quarantine(path.with_suffix(".quarantine"))
        batches = list(self.file.read(ImportCatalogue(None, {}), self.quarantine, Seen(), clock, time.time()))
        self.events = pl.concat([batch.events for batch in batches])
        self.report = "\n".join(self.file.lines())

    @property
    def bad(self) -> list[dict[str, object]]:
        path = self.quarantine.path
        return [json.loads(line) for line in path.read_text().splitlines()] if path and path.exists() else []


def write(folder: Path, text: str | bytes, name: str = "x.csv") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-16-le"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiter_and_encoding_are_detected_and_reported(tmp_path: Path, delimiter: str, encoding: str) -> None:
    text = f"user_id{delimiter}item_id{delimiter}ts\nanné{delimiter}Amélie{delimiter}1700000000\n"
    read = Read(write(tmp_path, text.encode(encoding)))
    assert read.events["external_user"].to_list() == ["anné"]
    named = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}[delimiter]
    assert f"CSV, {encoding}, fields separated by {named}" in read.report


def test_bytes_that_windows_does_not_know_are_latin_1(tmp_path: Path) -> None:
    assert SourceFile(write(tmp_path, b"user_id,item_id,ts\n\x81\xe9,1,1700000000\n")).dialect.encoding == "latin-1"


def test_a_packed_file_and_an_empty_one_name_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="gzip file; unpack it"):
        SourceFile(write(tmp_path, b"\x1f\x8b\x08rest"))
    with pytest.raises(DatasetError, match="the first line must name the columns"):
        SourceFile(write(tmp_path, b""))


def test_blanks_around_fields_are_nothing(tmp_path: Path) -> None:
    read = Read(write(tmp_path, "user_id , item_id, ts\n 5 , SKU-1 , 2022-06-24 21:20:11 \n"))
    assert read.events.select("user_id", "ts").row(0) == (5, 1656105611.0)
    assert read.bad == []


def test_a_bad_row_is_set_aside_with_line_column_text_and_reason_and_the_file_goes_on(tmp_path: Path) -> None:
    rows = (
        '1,1,1700000000,4\n1,2,1700000001,4,9\n\n1,"a\nb",1700000002,3\n1,4,1700000003,four\n,5,1700000004,2\n1,7,1700000005,2\n'
    )
    read = Read(write(tmp_path, HEAD + rows))
    assert read.events["ts"].to_list() == [1700000000.0, 1700000005.0]
    found = {bad["line"]: (bad["column"], bad["text"], bad["reason"]) for bad in read.bad}
    assert found == {
        3: ("", "1,2,1700000001,4,9", "5 fields, not 4"),
        5: ("item_id", "a\nb", "item_id is not an id"),
        7: ("value", "four", "value is not a number"),
        8: ("user_id", ",5,1700000004,2", "user_id is missing"),
    }
    assert {bad["file"] for bad in read.bad} == {"x.csv"}


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1537799250", 1537799250.0),
        ("1537799250000", 1537799250.0),
        ("1537799250000000", 1537799250.0),
        ("1537799250000000000", 1537799250.0),
        ("20200913", 1599955200.0),
        ("20200913212011", 1600032011.0),
        ("2018-09-24T14:27:30Z", 1537799250.0),
        ("2018-09-24 16:27:30.5+02:00", 1537799250.5),
        ("2018/9/24", 1537747200.0),
        ("24.12.2020 10:00", 1608804000.0),
        ("12/24/2020", 1608768000.0),
    ],
)
def test_times_are_read_as_they_are_meant(tmp_path: Path, text: str, seconds: float) -> None:
    assert Read(write(tmp_path, f"user_id,item_id,ts\n1,1,{text}\n")).events["ts"].to_list() == [seconds]


def test_a_date_that_may_be_two_is_refused_with_the_flag_that_decides(tmp_path: Path) -> None:
    path = write(tmp_path, "user_id,item_id,ts\n1,1,02/01/2020\n")
    with pytest.raises(DatasetError, match=r"'02/01/2020' may begin with the day or with the month.*--dayfirst or --monthfirst"):
        Read(path)
    assert Read(path, Reading(day_first=True)).events["ts"][0] == 1577923200.0
    assert Read(path, Reading(day_first=False)).events["ts"][0] == 1580515200.0
    assert Read(path, Reading(ts_format="%d/%m/%Y")).events["ts"][0] == 1577923200.0
    with pytest.raises(DatasetError, match="'13/01/2020' begins with the day, '01/14/2020' with the month"):
        Read(write(tmp_path, "user_id,item_id,ts\n1,1,13/01/2020\n1,1,01/14/2020\n"))
    with pytest.raises(InvalidInput, match="--ts-format"):
        Read(path, Reading(ts_format="often"))


def test_one_unambiguous_date_decides_for_the_column_and_is_reported(tmp_path: Path) -> None:
    read = Read(write(tmp_path, "user_id,item_id,ts\n1,1,02/01/2020\n1,2,31/01/2020\n"))
    assert read.events["ts"][0] == 1577923200.0
    assert "begin with the day; they name no time zone and are taken as UTC" in read.report


def test_a_column_has_one_unit_and_a_row_in_another_is_set_aside(tmp_path: Path) -> None:
    read = Read(write(tmp_path, "user_id,item_id,ts\n1,1,1537799250\n1,2,1537799251\n1,3,1537799252000\n1,4,2018-09-24\n"))
    assert len(read.events) == 2
    assert [bad["line"] for bad in read.bad] == [4, 5]


@pytest.mark.parametrize("text", ["2099-01-01", "9999-12-31", "1970-01-02", "2018-02-30"])
def test_what_the_api_refuses_is_not_imported(tmp_path: Path, text: str) -> None:
    path = write(tmp_path, f"user_id,item_id,ts\n1,1,2018-09-24\n1,2,{text}\n")
    read = Read(path, clock=ClockRule())
    assert (len(read.events), [bad["text"] for bad in read.bad]) == (1, [text])


def test_kinds_hold_their_contract(tmp_path: Path) -> None:
    rows = ["view,3", "rating,7", "rating,", "dance,", "watch,9999", "VIEW,", "rating,2.9", "review,"]
    text = "user_id,item_id,ts,kind,value\n" + "".join(f"1,{at},1700000000,{row}\n" for at, row in enumerate(rows, start=1))
    read = Read(write(tmp_path, text))
    assert read.events.select("kind", "value").rows() == [("view", None), ("rating", 2.9), ("review", None)]
    assert [str(bad["reason"])[:20] for bad in read.bad] == [
        "a view carries no va",
        "rating outside 0.5 t",
        "rating outside 0.5 t",
        "kind is not one of v",
        "watch outside 0.0 to",
    ]


@pytest.mark.parametrize(
    ("column", "values", "meaning", "kinds"),
    [
        ("rating", ["4.5", "1", ""], "stars", [("rating", 4.5), ("rating", 1.0), ("view", None)]),
        ("rating", ["1", "10"], "scale:1-10", [("rating", 0.5), ("rating", 5.0)]),
        ("plays", ["1", "977"], "count", [("view", None), ("view", None)]),
        ("amount", ["9.99", "120"], "none", [("view", None), ("view", None)]),
        ("duration", ["90", "12.5"], "minutes", [("watch", 90.0), ("watch", 12.5)]),
        ("x", ["3", "977"], "count", [("view", None), ("view", None)]),
    ],
)
def test_values_that_are_not_stars_are_guessed_and_no_row_is_lost(
    tmp_path: Path, column: str, values: list[str], meaning: str, kinds: list[tuple[str, float | None]]
) -> None:
    rows = "".join(f"1,{at},1700000000,{value}\n" for at, value in enumerate(values, start=1))
    read = Read(write(tmp_path, f"user_id,item_id,ts,{column}\n{rows}"), Reading(names={"value": column}))
    assert read.events.select("kind", "value").rows() == kinds
    assert f", {meaning}: " in read.report
    assert "a guess, --value decides" in read.report


def test_the_given_meaning_of_values_takes_precedence_over_the_guess(tmp_path: Path) -> None:
    path = write(tmp_path, HEAD + "1,1,1700000000,4\n1,2,1700000000,0\n")
    assert Read(path, Reading(value="none", kind="purchase")).events["kind"].to_list() == ["purchase", "purchase"]
    assert Read(path, Reading(value="scale:0-4")).events["value"].to_list() == [5.0, 0.5]
    counted = Read(path, Reading(value="count"))
    assert (len(counted.events), counted.bad[0]["reason"]) == (1, "the count is not above 0, so nothing happened")
    for value in ("scale:10-1", "thumbs"):
        with pytest.raises(InvalidInput, match="--value"):
            Read(path, Reading(value=value))
    with pytest.raises(InvalidInput, match="--kind"):
        Read(path, Reading(kind="rating"))


def test_a_decimal_comma_is_understood_and_reported_or_refused(tmp_path: Path) -> None:
    read = Read(write(tmp_path, "user_id;item_id;ts;value\n1;1;1700000000;4,5\n1;2;1700000000;3\n"))
    assert read.events.select("kind", "value").rows() == [("rating", 4.5), ("rating", 3.0)]
    assert "with a decimal comma" in read.report
    for rows in ('1,1,1700000000,"4,5"\n1,2,1700000000,4.5\n', '1,1,1700000000,"1,234"\n'):
        with pytest.raises(DatasetError, match="--decimal comma or --decimal point"):
            Read(write(tmp_path, HEAD + rows))


def test_ids_stay_what_they_are(tmp_path: Path) -> None:
    read = Read(write(tmp_path, "user_id,item_id,ts\n007,1,1700000000\n7,1,1700000000\n"))
    assert read.events["user_id"].n_unique() == 2
    assert read.events["external_user"].to_list() == ["007", None]


def test_parquet_of_any_type_is_read_as_it_is_written(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {
            "user_id": pl.Series(["a", "b", "a"], dtype=pl.Categorical),
            "item_id": [5.0, None, 6.0],  # what pandas makes of integers with a gap
            "ts": pl.from_epoch(pl.Series([1537799250] * 3)).dt.replace_time_zone("Europe/Berlin"),
            "value": [2.9, 3.0, 4.0],
        }
    )
    frame.write_parquet(tmp_path / "x.parquet")
    read = Read(tmp_path / "x.parquet")
    assert read.events.select("external_user", "item_id", "value").rows() == [("a", 5, 2.9), ("a", 6, 4.0)]
    assert read.events["ts"][0] == 1537799250.0 - 7200
    assert read.bad[0]["line"] == 2


def test_a_quote_that_is_not_closed_does_not_swallow_rows_in_silence(tmp_path: Path) -> None:
    for rows in (
        '1,"a,1700000000,\n1,b,1700000001,\n1,c,1700000002,\n',
        '1,"a,1700000000,\n1,b,1700000001,\n1,"c",1700000002,\n',
    ):
        with pytest.raises(DatasetError, match=r"quote.*--no-quotes"):
            Read(write(tmp_path, HEAD + rows))
    path = write(tmp_path, HEAD + '1,"a,1700000000,\n1,b,1700000001,\n')
    found = InteractionFile(SourceFile(path, quotes=False), Reading()).read(ImportCatalogue(None, {}), Quarantine(), Seen())
    assert sum(len(batch.events) for batch in found) == 2


def test_a_file_with_a_header_only_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no row below the names"):
        Read(write(tmp_path, HEAD))


def test_json_lines_are_read_and_a_line_that_is_not_is_set_aside(tmp_path: Path) -> None:
    lines = '{"user_id": 1, "item_id": "a", "ts": 1700000000}\nnot json\n{"user_id": "x", "item_id": "b", "ts": 1700000001}\n'
    read = Read(write(tmp_path, lines, "x.jsonl"))
    assert len(read.events) == 2
    assert [(bad["line"], bad["reason"]) for bad in read.bad] == [(2, "not a JSON object")]


def test_an_event_that_the_file_has_twice_counts_once_and_is_no_fault(tmp_path: Path) -> None:
    read = Read(write(tmp_path, "user_id,item_id,ts\n1,1,1700000000\n1,1,1700000000\n"))
    assert (len(read.events), read.quarantine.bad) == (1, 0)
    own = Read(write(tmp_path, "event_id,user_id,item_id,ts\ne1,1,1,1700000000\ne2,1,1,1700000000\ne1,1,2,1700000009\n"))
    assert own.events["event_id"].to_list() == ["e1", "e2"]


def test_columns_are_found_by_what_they_are_usually_called_and_reported(tmp_path: Path) -> None:
    read = Read(write(tmp_path, "userId,movieId,rating,timestamp,note\n1,2,4.0,1700000000,x\n"))
    assert read.events.select("user_id", "item_id", "value").rows() == [(1, 2, 4.0)]
    assert "found by its name; --map decides" in read.report
    assert "not used: note" in read.report
    with pytest.raises(DatasetError, match=r"lacks the column.*user_id.*it has a, b.*--map user_id=YOURS"):
        Read(write(tmp_path, "a,b\n1,2\n"))


def test_a_year_is_a_year_also_in_a_date_and_a_bad_one_costs_the_item_nothing(tmp_path: Path) -> None:
    text = "id,title,year\n1,A,1995-05-01\n2,B,1996\n3,C,1997.0\n4,D,soon\n,E,1990\n1,F,1990\n5,G,31.12.1999\n"
    quarantine = Quarantine(tmp_path / "q.jsonl")
    items = read_item_file(SourceFile(write(tmp_path, text)), {}, {}, quarantine)
    assert items.rows.select("item_id", "year").rows() == [(1, 1995), (2, 1996), (3, 1997), (4, None), (5, 1999)]
    found = [json.loads(line) for line in (tmp_path / "q.jsonl").read_text().splitlines()]
    assert [(bad["line"], bad["column"]) for bad in found] == [(6, "id"), (7, "id"), (5, "year")]


def test_attributes_of_users_become_tokens_and_names_of_people_do_not(tmp_path: Path) -> None:
    rows = "".join(f"u{n},{20 + n % 3},{'FM'[n % 2]},person {n}\n" for n in range(30))
    users = read_user_file(SourceFile(write(tmp_path, "id,age,gender,name\n" + rows)), {}, Quarantine())
    assert sorted(users.rows["profile"][0].to_list()) in [
        sorted([f"age:{20 + a}", f"gender:{g}"]) for a in range(3) for g in "FM"
    ]
    assert users.left_out == ("name",)
    named = read_user_file(SourceFile(tmp_path / "x.csv"), {"sex": "gender"}, Quarantine())
    assert set(named.rows["profile"].list.get(0)) == {"sex:F", "sex:M"}


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"\n\nuser_id,item_id,ts\n1,2,1700000000\n", "its first line is empty; the first line must name the columns"),
        (b'[{"user_id": 1, "item_id": 2, "ts": 1700000000}]', "JSON array; save it as JSON Lines"),
        (b'[\n{"user_id": 1, "item_id": 2, "ts": 1700000000}\n]', "JSON array; save it as JSON Lines"),
        (b'{\n"user_id": 1,\n"item_id": 2\n}\n', "no line of it is a JSON object"),
        (
            "user_id,item_id,ts\ncafé,1,1700000000\n".encode() + b"\xff,2,1700000000\n",
            "1 letters in UTF-8 and 1 bytes.*--encoding",
        ),
        (b"user_id,user_id,item_id,ts\n1,2,3,1700000000\n", "names the column.*'user_id' twice"),
    ],
    ids=["blank lines first", "array", "array over lines", "pretty JSON", "nearly UTF-8", "a name twice"],
)
def test_a_file_that_cannot_be_understood_is_refused_with_its_remedy(tmp_path: Path, content: bytes, complaint: str) -> None:
    with pytest.raises(DatasetError, match=complaint):
        Read(write(tmp_path, content))


def test_a_zero_byte_does_not_make_a_file_utf_16(tmp_path: Path) -> None:
    read = Read(write(tmp_path, b"user_id,item_id,ts\n1,a\0b,1700000000\n2,c,1700000000\n"))
    assert (len(read.events), [bad["reason"] for bad in read.bad]) == (1, ["item_id is not an id"])


def test_columns_without_a_name_are_not_used_and_named_by_their_place(tmp_path: Path) -> None:
    read = Read(write(tmp_path, ",user_id,item_id,ts,\n0,1,2,1700000000,\n1,3,4,1700000000,\n"))
    assert (len(read.events), "not used: column 1, column 5" in read.report) == (2, True)


def test_a_column_of_any_type_may_be_unused_but_not_used(tmp_path: Path) -> None:
    odd = {"nested": [{"a": 1}], "many": [[{"a": 1}]], "bytes": [b"x"]}
    frame = pl.DataFrame({"user_id": [1], "item_id": [2], "ts": [1700000000], **odd})
    frame.write_parquet(tmp_path / "x.parquet")
    assert len(Read(tmp_path / "x.parquet").events) == 1
    for name in odd:
        with pytest.raises(DatasetError, match=f"column {name} has the type .*; allowed: text, numbers"):
            Read(tmp_path / "x.parquet", Reading(names={"item_id": name}))


def test_json_lines_with_missing_keys_late_keys_and_values_that_are_not_ids(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [{"user_id": at, "item_id": "a", "ts": 1700000000} for at in range(1, 12_001)]
    rows += [{"user_id": 1, "item_id": "b", "ts": 1700000000, "rating": 4.5}, {"item_id": "b", "ts": 1700000000}]
    rows += [{"user_id": one, "item_id": "b", "ts": 1700000000} for one in ({"x": 1}, [1, 2])]
    read = Read(write(tmp_path, "\n\n".join(map(json.dumps, rows)), "x.jsonl"))
    assert read.events.filter(pl.col("kind") == "rating")["value"].to_list() == [4.5]
    assert [(bad["text"], bad["reason"]) for bad in read.bad] == [
        (",b,1700000000,", "user_id is missing"),
        ('{"x":1}|', "user_id is not an id"),
        ("1|2|", "user_id is not an id"),
    ]


def test_ids_at_the_edges(tmp_path: Path) -> None:
    ids = ["😀👨‍👩‍👧", "-5", "0", "x" * 128, "9007199254740993", "'7'", "a b"]
    rows = "".join(f"{one},i,{1700000000 + at}\n" for at, one in enumerate([*ids, "x" * 129]))
    read = Read(write(tmp_path, "user_id,item_id,ts\n" + rows))
    assert read.events["external_user"].to_list() == ids
    assert [bad["line"] for bad in read.bad] == [len(ids) + 2]


def test_rows_without_an_id_of_their_own_beside_rows_with_one_are_quarantined(tmp_path: Path) -> None:
    read = Read(write(tmp_path, "event_id,user_id,item_id,ts\ne1,1,2,1700000000\n,1,3,1700000000\n,1,4,1700000000\n"))
    assert read.events["event_id"].to_list() == ["e1"]
    assert [bad["reason"] for bad in read.bad] == ["event_id is missing"] * 2


def test_one_column_may_be_two_of_ours(tmp_path: Path) -> None:
    read = Read(write(tmp_path, "a,c\n5,1700000000\n"), Reading(names={"user_id": "a", "item_id": "a", "ts": "c"}))
    assert read.events.select("user_id", "item_id").rows() == [(5, 5)]


def test_the_clock_names_value_column_and_range(tmp_path: Path) -> None:
    path = write(tmp_path, "user_id,item_id,when\n1,1,1700000000\n1,2,4070908800\n1,3,5\n")
    quarantine, file = Quarantine(), InteractionFile(SourceFile(path), Reading(ts_format="unix"))
    list(file.read(ImportCatalogue(None, {}), quarantine, Seen(), ClockRule(), 1_700_000_000.0))
    (line,) = quarantine.lines()
    assert (
        "quarantined 2: ts is outside 1990-01-01T00:00:00Z (MARQUEE_EARLIEST_EVENT) to 2023-11-14T22:18:20Z (now, and 300 s"
        in line
    )
    assert "line 3, column 'when': 4070908800" in line


def test_a_list_in_a_column_of_text_is_a_text(tmp_path: Path) -> None:
    items = read_item_file(SourceFile(write(tmp_path, '{"id": 1, "title": ["A", "B"]}\n', "x.jsonl")), {}, {}, Quarantine())
    assert items.rows["title"].to_list() == ["A, B"]


def test_a_line_break_within_a_title_becomes_a_space(tmp_path: Path) -> None:
    """`PATCH /items` refuses control characters, so an import must not bring them in."""
    text = 'item_id,title,overview\n7,"Seven\r\nSamurai","A\tvillage"\n'
    items = read_item_file(SourceFile(write(tmp_path, text)), {}, {}, Quarantine())
    assert items.rows.select("title", "overview").row(0) == ("Seven Samurai", "A village")
