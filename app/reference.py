"""The tables of `docs/reference.md`, rendered from the code: commands, endpoints, settings and metrics.

The document keeps its own prose. A table stands between `<!-- generated: NAME -->` and `<!-- end -->`; `marquee reference
--write` renders it again, and a test fails when the file is not what the code says.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, get_args

from pydantic import AliasChoices
from pydantic.fields import FieldInfo

from core.errors import InvalidInput
from core.settings import CONFIGS, REPOSITORY, Settings

PATH = REPOSITORY / "docs" / "reference.md"
_BLOCK = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
Table = Callable[[], str]


def tables(root: Any) -> Mapping[str, Table]:
    """Every table by its name; `root` is the click command of the whole command line."""
    return {"commands": lambda: commands(root), "endpoints": endpoints, "settings": settings, "metrics": metrics}


def rendered(text: str, known: Mapping[str, Table]) -> str:
    """The document with its tables rendered again. Raises InvalidInput for a table that does not exist."""

    def block(match: re.Match[str]) -> str:
        if match[2] not in known:
            raise InvalidInput("generated", match[2], ", ".join(known))
        return match[1] + known[match[2]]() + match[3]

    return _BLOCK.sub(block, text)


def read() -> str:
    """The document as it is. Raises InvalidInput where there is none, as in the image."""
    if not PATH.is_file():
        raise InvalidInput("reference", str(PATH), "a checkout of the repository, which has docs/reference.md")
    return PATH.read_text()


# --- commands --------------------------------------------------------------------------------------------------------


def commands(root: Any) -> str:
    """Each command: what it does, its options, an example."""
    rows = []
    for path, command in leaves(root, "marquee"):
        options = ", ".join(_code(option.opts[0]) for option in command.params if option.param_type_name == "option")
        example, *more = command.epilog.removeprefix("Example: ").split("; ")
        rows.append((_code(path), command.help.split("\n\n")[0], options, "; ".join([_code(example), *more])))
    return _table(("command", "what it does", "options", "example"), rows)


def leaves(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    """(path, command) of each command that is not a group and not hidden, in the order of `--help`."""
    if not hasattr(command, "commands"):
        yield path, command
        return
    for name, below in command.commands.items():
        if not below.hidden:
            yield from leaves(below, f"{path} {name}")


# --- endpoints -------------------------------------------------------------------------------------------------------


def endpoints() -> str:
    """Each route: what it answers, its parameters beside the path's, the statuses it answers with."""
    from fastapi import FastAPI

    from serving.access.scopes import SCOPES
    from serving.routes.all import include

    app = FastAPI()
    include(app)
    rows = []
    for path, methods in app.openapi()["paths"].items():
        for method, operation in methods.items():
            about = ". ".join([operation["summary"], *operation.get("description", "").split("\n\n")[:1]]).strip(". ")
            parameters = "; ".join(_parameter(one) for one in operation.get("parameters", ()) if one["in"] != "path")
            statuses = ", ".join(sorted(operation["responses"]))
            needs = SCOPES[method.upper(), path] or ""
            rows.append((_code(f"{method.upper()} {path}"), f"{about}.", needs, parameters, statuses))
    return _table(("endpoint", "what it answers", "scope", "parameters", "statuses"), rows)


def _parameter(parameter: Mapping[str, Any]) -> str:
    schema = parameter["schema"]
    where = " (header)" if parameter["in"] == "header" else ""
    allowed = " or ".join(schema.get("enum", ()))
    if "minimum" in schema:
        allowed = f"{schema['minimum']} to {schema['maximum']}"
    default = f"default {_value(schema['default'])}" if "default" in schema else ""
    facts = ", ".join(fact for fact in (allowed, default) if fact)
    about = f": {parameter['description']}" if "description" in parameter else ""
    return f"{_code(parameter['name'])}{where}{about}" + (f" ({facts})" if facts else "")


# --- settings --------------------------------------------------------------------------------------------------------


def settings() -> str:
    """Each setting: its variable, its default, what is allowed, what it means."""
    rows = []
    for name, field in Settings.model_fields.items():
        others = [alias for alias in _aliases(field) if alias != f"MARQUEE_{name.upper()}"]
        also = "".join(f"; also {_code(str(alias))}" for alias in others)
        rows.append((_code(f"MARQUEE_{name.upper()}"), _value(field.default), _allowed(field), f"{field.description}{also}"))
    return _table(("variable", "default", "allowed", "meaning"), rows)


def _aliases(field: FieldInfo) -> list[Any]:
    alias = field.validation_alias
    return list(alias.choices) if isinstance(alias, AliasChoices) else []


def _allowed(field: FieldInfo) -> str:
    """The choices or the bounds of a setting; nothing where every value of its type is allowed."""
    if field.annotation is bool:
        return "true, false"
    choices = [choice for choice in get_args(field.annotation) if isinstance(choice, str)]
    if choices:
        return ", ".join(choices)
    words = {"ge": "from", "gt": "above", "le": "to", "lt": "below"}
    found = ((word, getattr(one, name)) for one in field.metadata for name, word in words.items() if hasattr(one, name))
    bounds = " ".join(f"{word} {_value(bound)}" for word, bound in found)
    return bounds.removeprefix("from ") if " to " in bounds else bounds


# --- metrics ---------------------------------------------------------------------------------------------------------


def metrics() -> str:
    """Each metric under the name that Prometheus stores, with its labels."""
    rows = []
    for metric in instruments():
        kind = metric._type
        name = f"{metric._name}_total" if kind == "counter" else metric._name
        rows.append((_code(name), kind, ", ".join(metric._labelnames), metric._documentation))
    return _table(("metric", "type", "labels", "meaning"), rows)


def instruments() -> list[Any]:
    """Every instrument of `core.telemetry`, in its order."""
    from core import telemetry

    return [value for value in vars(telemetry).values() if hasattr(value, "_labelnames")]


# --- Markdown --------------------------------------------------------------------------------------------------------


def _table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [header, ("---",) * len(header), *rows]
    return "".join("| " + " | ".join(map(_cell, line)) + " |\n" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _code(text: str) -> str:
    return f"`{text}`"


def _value(value: object) -> str:
    """A value as one writes it in the environment."""
    if value is None or value == CONFIGS:
        return "unset"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value) or "empty"
