"""Conditions over columns, as people write them in a policy: `year >= 2020 and 'Horror' not in genres`.

A text is parsed with Python's own parser and translated node by node into a Polars expression; a node that is not in the
grammar is refused, nothing is ever executed. So a condition is evaluated for a whole catalogue at once, in a millisecond, where
an evaluator that calls itself for each item takes a second. Logic has three values as in SQL: a comparison with something
unknown is neither true nor false, and a condition that is not true does not hold. Upper and lower case are alike.

The grammar: `and or not`, `== != < <= > >=` (also chained), `in` and `not in` a column of names, a text or a list of constants,
`+ - * /`, numbers, texts, column names, `len(names)`, `abs(number)`, `log(number)` and `known(column)`.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any, Literal, NamedTuple

import polars as pl

MAX_LENGTH, MAX_DEPTH = 500, 12  # characters; nodes within nodes
MAX_NUMBER = 1e15
Shape = Literal["number", "text", "names", "condition", "constants"]
Columns = Mapping[str, Shape]  # what each column is made of: number, text or names


class BadExpression(ValueError):
    """A text that is no condition. Its message ends with the text and a caret under the column (from 1 on)."""

    def __init__(self, text: str, column: int, why: str) -> None:
        super().__init__(f"{why}, at column {column}:\n  {text}\n  {' ' * (column - 1)}^")
        self.column = column


@dataclass(frozen=True, slots=True, eq=False)
class Expression:
    """A condition that was understood."""

    text: str
    names: frozenset[str]  # of the columns that it reads
    condition: pl.Expr

    @classmethod
    def parse(cls, text: str, columns: Columns) -> Expression:
        """Raises BadExpression."""
        text = text.strip()
        if len(text) > MAX_LENGTH:
            raise BadExpression(text[:MAX_LENGTH], MAX_LENGTH, f"it has {len(text)} characters; allowed: {MAX_LENGTH}")
        if not text.isprintable():
            at = next(at for at, letter in enumerate(text) if not letter.isprintable())
            raise BadExpression(text.replace("\n", " "), at + 1, "a line break or control character")
        try:
            tree = ast.parse(text, mode="eval").body
        except (SyntaxError, RecursionError, MemoryError) as error:
            column = getattr(error, "offset", None) or len(text) + 1
            raise BadExpression(text, min(column, len(text) + 1), getattr(error, "msg", None) or "too deep") from None
        translation = _Translation(text, columns)
        whole = translation.of(tree, "condition")
        return cls(text, frozenset(translation.names), whole.expr.fill_null(False))

    def holds(self, rows: pl.DataFrame) -> pl.Series:
        """Which rows it holds for; `rows` has its columns, as `readable` makes them. [n]"""
        return rows.select(self.condition.alias("holds"))["holds"]


def readable(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows as expressions compare them: texts and names in lower case, an empty text and NaN unknown, unknown names none."""
    columns = []
    for name, kind in rows.schema.items():
        column = pl.col(name)
        if isinstance(kind, pl.List):
            columns.append(column.fill_null([]).list.eval(pl.element().str.to_lowercase()))
        elif kind == pl.String:
            columns.append(pl.when(column != "").then(column.str.to_lowercase()).alias(name))
        else:
            columns.append(column.cast(pl.Float64).fill_nan(None))
    return rows.select(columns)


class _Part(NamedTuple):
    shape: Shape
    expr: pl.Expr
    constants: tuple[float | str, ...] = ()


_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], pl.Expr]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], pl.Expr]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: lambda left, right: left / pl.when(right != 0).then(right),
}
_FUNCTIONS: dict[str, tuple[Shape, Callable[[pl.Expr], pl.Expr]]] = {
    "abs": ("number", lambda value: value.abs()),
    "log": ("number", lambda value: pl.when(value > 0).then(value).log()),
    "len": ("names", lambda value: value.list.len().cast(pl.Float64)),
}


class _Translation:
    """Of one text. `names` are the columns that came up."""

    def __init__(self, text: str, columns: Columns) -> None:
        self._text = text
        self._columns = columns
        self._depth = 0
        self.names: set[str] = set()

    def of(self, node: ast.expr, *wanted: Shape) -> _Part:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self._bad(node, f"more than {MAX_DEPTH} levels")
        part = self._part(node)
        self._depth -= 1
        if wanted and part.shape not in wanted:
            raise self._bad(node, f"{part.shape} where {' or '.join(wanted)} belongs")
        return part

    def _part(self, node: ast.expr) -> _Part:
        match node:
            case ast.Constant(value=bool() | None):
                pass
            case ast.Constant(value=int() | float() as number):
                if not abs(number) <= MAX_NUMBER:
                    raise self._bad(node, f"a number beyond {MAX_NUMBER:g}")
                return _Part("number", pl.lit(float(number)), (float(number),))
            case ast.Constant(value=str() as text):
                return _Part("text", pl.lit(text.lower()), (text.lower(),))
            case ast.Name(id=name):
                if name not in self._columns:
                    raise self._bad(node, f"there is no {name!r}; there are {', '.join(self._columns)}")
                self.names.add(name)
                return _Part(self._columns[name], pl.col(name))
            case ast.List(elts=items) | ast.Tuple(elts=items):
                found = [self.of(item, "number", "text") for item in items]
                if not found or not all(one.constants for one in found) or len({one.shape for one in found}) > 1:
                    raise self._bad(node, "a list must have constants of one type")
                return _Part("constants", pl.lit(None), tuple(value for one in found for value in one.constants))
            case ast.UnaryOp(op=ast.Not(), operand=inner):
                return _Part("condition", ~self.of(inner, "condition").expr)
            case ast.UnaryOp(op=ast.USub(), operand=inner):
                part = self.of(inner, "number")
                return _Part("number", -part.expr, tuple(-one for one in part.constants if not isinstance(one, str)))
            case ast.BoolOp(op=op, values=values):
                both = operator.and_ if isinstance(op, ast.And) else operator.or_
                return _Part("condition", reduce(both, [self.of(value, "condition").expr for value in values]))
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
                return _Part("number", _ARITHMETIC[type(op)](self.of(left, "number").expr, self.of(right, "number").expr))
            case ast.Compare(left=left, ops=ops, comparators=rights):
                pairs = zip([left, *rights], ops, rights, strict=False)
                return _Part("condition", reduce(operator.and_, [self._compared(*pair) for pair in pairs]))
            case ast.Call(func=ast.Name(id="known"), args=[ast.Name() as inner], keywords=[]):
                part = self.of(inner)
                return _Part("condition", part.expr.list.len() > 0 if part.shape == "names" else part.expr.is_not_null())
            case ast.Call(func=ast.Name(id=name), args=[inner], keywords=[]) if name in _FUNCTIONS:
                shape, function = _FUNCTIONS[name]
                return _Part("number", function(self.of(inner, shape).expr))
        raise self._bad(node, "this is not part of the language (core/expressions.py has it)")

    def _compared(self, left: ast.expr, op: ast.cmpop, right: ast.expr) -> pl.Expr:
        if isinstance(op, ast.In | ast.NotIn):
            found = self._found(left, right)
            return ~found if isinstance(op, ast.NotIn) else found
        if type(op) not in _COMPARE:
            raise self._bad(right, "this comparison is not part of the language")
        one = self.of(left, "number", "text")
        other = self.of(right, one.shape)
        if one.shape == "text" and not isinstance(op, ast.Eq | ast.NotEq):
            raise self._bad(right, "texts have no order; use == or !=")
        return _COMPARE[type(op)](one.expr, other.expr)

    def _found(self, left: ast.expr, right: ast.expr) -> pl.Expr:
        one, within = self.of(left, "number", "text"), self.of(right, "names", "text", "constants")
        if within.shape == "constants":
            if isinstance(within.constants[0], str) != (one.shape == "text"):
                raise self._bad(right, f"a list without a {one.shape}")
            return one.expr.is_in(list(within.constants))
        if one.shape != "text":
            raise self._bad(left, "number where text belongs")
        if within.shape == "names":
            return within.expr.list.contains(one.expr)
        return within.expr.str.contains(one.expr, literal=True)

    def _bad(self, node: ast.AST, why: str) -> BadExpression:
        # the parser counts bytes
        column = len(self._text.encode()[: getattr(node, "col_offset", 0)].decode(errors="replace"))
        return BadExpression(self._text, column + 1, why)
