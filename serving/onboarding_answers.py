"""The body of `POST /users/{user_id}/onboarding`: what a new user may answer, and what is wrong with other answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import orjson

from core.answers import AGE_BANDS, MAX_ANSWERS, Answers
from core.ids import ID_SCHEMA, parse_id
from core.item_facts import ItemFacts
from recommender.live import Snapshot
from serving.http.problems import InvalidFields, MalformedJson, field_error

_SHOWN = 30  # names that an error lists
_NAMES = {"type": "array", "items": {"type": "string"}, "maxItems": MAX_ANSWERS}
_FIELDS = ("items", "genres", "people", "age_band")
ONBOARDING_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "title": "OnboardingAnswers",
                    "type": "object",
                    "minProperties": 1,
                    "additionalProperties": False,
                    "properties": {
                        "items": {
                            "type": "array",
                            "items": ID_SCHEMA,
                            "maxItems": MAX_ANSWERS,
                            "description": "ids of items they like",
                        },
                        "genres": _NAMES,
                        "people": _NAMES,
                        "age_band": {"enum": [*AGE_BANDS, None]},
                    },
                },
                "examples": {
                    "films": {
                        "summary": "Films and a genre",
                        "value": {"items": [318, 50], "genres": ["Crime"], "age_band": "25-34"},
                    }
                },
            }
        },
    }
}


def answers_in(body: bytes, facts: ItemFacts, now: Snapshot) -> Answers:
    """Raises MalformedJson, and InvalidFields that names every wrong field and what is known there."""
    try:
        sent = orjson.loads(body) if body.strip() else None
    except orjson.JSONDecodeError as error:
        raise MalformedJson(f"{error}; send an object with some of {', '.join(_FIELDS)}") from None
    if not isinstance(sent, dict) or not sent:
        raise InvalidFields([field_error("body", sent, f"a JSON object with one or more of {', '.join(_FIELDS)}")])
    wrong = [
        field_error(name[:64], value, f"no such field; {', '.join(_FIELDS)}")
        for name, value in sent.items()
        if name not in _FIELDS
    ]
    items = _each(sent, "items", lambda one: _item(one, facts), "the id of an item in the catalogue", wrong)
    genres = _each(sent, "genres", _finder(now.catalogue.genre_names), _listed(now.catalogue.genre_names, "genres"), wrong)
    names = now.release.people_names
    people = _each(sent, "people", _finder(names), _listed(names, "people"), wrong)
    band = sent.get("age_band")
    if band is not None and band not in list(AGE_BANDS):  # it may be anything, also what cannot be hashed
        wrong.append(field_error("age_band", band, "one of " + ", ".join(AGE_BANDS)))
    answers = Answers(tuple(items), tuple(genres), tuple(people), None if wrong else band)
    if not wrong and not answers:
        wrong.append(field_error("body", sent, f"at least one answer in {', '.join(_FIELDS)}"))
    if wrong:
        raise InvalidFields(wrong)
    return answers


def _each(sent: dict[str, Any], field: str, find: Callable[[Any], Any], allowed: str, wrong: list[dict[str, Any]]) -> list[Any]:
    """What each entry of a field means, none twice; entries that mean nothing are added to `wrong`."""
    values = sent.get(field, [])
    if not isinstance(values, list) or len(values) > MAX_ANSWERS:
        wrong.append(field_error(field, values, f"an array of at most {MAX_ANSWERS}"))
        return []
    found = [find(value) for value in values]
    wrong.extend(field_error(field, value, allowed) for value, one in zip(values, found, strict=True) if one is None)
    return [one for one in dict.fromkeys(found) if one is not None]


def _item(value: Any, facts: ItemFacts) -> int | None:
    try:
        key = facts.key_of(parse_id(value))
    except ValueError:
        return None
    return key if key >= 0 else None


def _finder(names: Sequence[str]) -> Callable[[Any], str | None]:
    """Finds a name, upper and lower case alike."""
    by_fold = {name.casefold(): name for name in names}
    return lambda value: by_fold.get(value.strip().casefold()) if isinstance(value, str) else None


def _listed(names: Sequence[str], what: str) -> str:
    if not names:
        return f"none: this catalogue knows no {what}"
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return f"one of {', '.join(names[:_SHOWN])}{more}"
