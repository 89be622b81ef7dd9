"""Conditions in policies: what holds, what is unknown, and errors that point at the column."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.expressions import BadExpression, Columns, Expression, readable

COLUMNS: Columns = {"year": "number", "genres": "names", "title": "text", "language": "text", "cost": "number"}
ROWS = readable(
    pl.DataFrame(
        {
            "year": [2021, 1999, None],
            "genres": [["Horror"], ["Drama", "War"], None],
            "title": ["Alien", "b", ""],
            "language": ["en", None, "DE"],
            "cost": [0.0, None, 2.0],
        }
    )
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("year >= 2020 and 'Drama' not in genres", [0]),
        ("year > 2000 or 'war' in genres", [0, 1]),
        ("not year >= 2020", [1]),
        ("year != 1999", [0]),
        ("1990 <= year < 2000", [1]),
        ("language in ('EN', 'de')", [0, 2]),
        ("language not in ['en']", [2]),
        ("year in [-1, 1999]", [1]),
        ("'LIE' in title", [0]),
        ("title == 'alien'", [0]),
        ("cost / cost == 1", [2]),
        ("year - 2000 > -2 + 0.5 * 2", [0]),
        ("log(cost) < 1 or abs(year - 2000) == 1", [1, 2]),
        ("known(cost) and not known(genres)", [2]),
        ("len(genres) == 2", [1]),
        ("'Horror' not in genres", [1, 2]),
    ],
)
def test_it_holds_for_these_rows(text: str, expected: list[int]) -> None:
    assert Expression.parse(f"  {text} ", COLUMNS).holds(ROWS).arg_true().to_list() == expected


@pytest.mark.parametrize(
    ("text", "column", "why"),
    [
        ("", 1, "invalid syntax"),
        ("year >=", 8, "invalid syntax"),
        ("yeer > 1", 1, "there is no 'yeer'; there are year, genres"),
        ("'é' == titel", 8, "there is no 'titel'"),
        ("year > 'a'", 8, "text where number belongs"),
        ("year", 1, "number where condition belongs"),
        ("genres > 3", 1, "names where number or text belongs"),
        ("2 in genres", 1, "number where text belongs"),
        ("title < 'b'", 9, "texts have no order"),
        ("year in (1, 'a')", 9, "constants of one type"),
        ("year > 1e400", 8, "a number beyond"),
        ("year == None", 9, "not part of the language"),
        ("__import__('os').system('id')", 1, "not part of the language"),
        ("year.__class__ == 1", 1, "not part of the language"),
        ("(lambda: year)() > 1", 1, "not part of the language"),
        ("year ** 9 > 1", 1, "not part of the language"),
        ("year is 3", 9, "this comparison is not part"),
        ("not " * 50 + "year > 1", 49, "more than 12 levels"),
        ("x" * 501, 500, "it has 501 characters"),
        ("year\n> 1", 5, "a line break or control character"),
    ],
)
def test_what_is_wrong_is_pointed_at(text: str, column: int, why: str) -> None:
    with pytest.raises(BadExpression, match=why) as caught:
        Expression.parse(text, COLUMNS)
    assert caught.value.column == column
    message, shown, caret = str(caught.value).split("\n")
    assert message.endswith(f"at column {column}:")
    assert caret == f"  {' ' * (column - 1)}^"
    assert len(caret) <= len(shown) + 1


@given(st.text(alphabet="yearg ns()[]'\"<>=!+-*/.0123é\\andotix_", max_size=60))
def test_any_text_is_a_condition_or_a_bad_expression(text: str) -> None:
    try:
        found = Expression.parse(text, COLUMNS)
    except BadExpression:
        return
    assert found.holds(ROWS).dtype == pl.Boolean
