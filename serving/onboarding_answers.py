"""The body of `POST /users/{user_id}/onboarding`: what a new user may answer, and what is wrong with other answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from core.answers import AGE_BANDS, MAX_ANSWERS, Answers
from core.errors import NotFound
from core.ids import ID_SCHEMA, parse_id
from core.item_facts import ItemFacts
from recommender.live import Snapshot
from serving.http.problems import InvalidFields, field_error
from serving.http.typed_body import object_in

_SHOWN = 30  # names that an error lists
_FIELDS = ("items", "genres", "people", "age_band")


def _names(description: str) -> dict[str, Any]:
    return {"type": "array", "items": {"type": "string"}, "maxItems": MAX_ANSWERS, "description": description}


_ANSWERED: list[dict[str, Any]] = [  # at least one of them says something
    *({"required": [name], "properties": {name: {"minItems": 1}}} for name in _FIELDS[:3]),
    {"required": ["age_band"], "properties": {"age_band": {"enum": list(AGE_BANDS)}}},
]
ONBOARDING_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "title": "OnboardingAnswers",
                    "type": "object",
                    "additionalProperties": False,
                    "anyOf": _ANSWERED,
                    "properties": {
                        "items": {
                            "type": "array",
                            "items": ID_SCHEMA,
                            "maxItems": MAX_ANSWERS,
                            "description": "ids of items they like",
                        },
                        "genres": _names("names of genres they like"),
                        "people": _names("names of cast or directors they like"),
                        "age_band": {"enum": [*AGE_BANDS, None], "description": "their age"},
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


class UnknownNames(InvalidFields):
    """An answer names what the catalogue does not have; `errors` says what it has."""

    status = 404
    slug = NotFound.slug
    title = NotFound.title


def answers_in(body: bytes, facts: ItemFacts, now: Snapshot) -> Answers:
    """Raises MalformedJson, InvalidFields that names every wrong field, and UnknownNames that says what is known there."""
    sent = object_in(body, ", ".join(_FIELDS), "one or more")
    wrong = [
        field_error(name[:64], value, f"no such field; {', '.join(_FIELDS)}")
        for name, value in sent.items()
        if name not in _FIELDS
    ]
    genre_names, people_names, unknown = now.catalogue.genre_names, now.release.people_names, list[dict[str, Any]]()
    items = _each(sent, "items", lambda one: _item(one, facts), "the id of an item in the catalogue", wrong, unknown)
    genres = _each(sent, "genres", _finder(genre_names), _listed(genre_names, "genres"), wrong, unknown)
    people = _each(sent, "people", _finder(people_names), _listed(people_names, "people"), wrong, unknown)
    band = sent.get("age_band")
    if band is not None and band not in list(AGE_BANDS):  # it may be anything, also what cannot be hashed
        wrong.append(field_error("age_band", band, "one of " + ", ".join(AGE_BANDS)))
    answers = Answers(tuple(items), tuple(genres), tuple(people), None if wrong else band)
    if not (wrong or unknown or answers):
        wrong.append(field_error("body", sent, f"at least one answer in {', '.join(_FIELDS)}"))
    if wrong:
        raise InvalidFields([*wrong, *unknown])
    if unknown:
        raise UnknownNames(unknown)
    return answers


def _each(
    sent: dict[str, Any],
    field: str,
    find: Callable[[Any], Any],
    allowed: str,
    wrong: list[dict[str, Any]],
    unknown: list[dict[str, Any]],
) -> list[Any]:
    """What each entry of a field means, none twice. Those that can mean nothing are added to `wrong`, others to `unknown`."""
    values = sent.get(field, [])
    if not isinstance(values, list) or len(values) > MAX_ANSWERS:
        wrong.append(field_error(field, values, f"an array of at most {MAX_ANSWERS}"))
        return []
    found = []
    for value in values:
        try:
            found.append(find(value))
        except ValueError:
            wrong.append(field_error(field, value, allowed))
        else:
            unknown.extend([field_error(field, value, allowed)] if found[-1] is None else [])
    return [one for one in dict.fromkeys(found) if one is not None]


def _item(value: Any, facts: ItemFacts) -> int | None:
    """Raises ValueError for what cannot be an id."""
    key = facts.key_of(parse_id(value))
    return key if key >= 0 else None


def _finder(names: Sequence[str]) -> Callable[[Any], str | None]:
    """Finds a name, upper and lower case alike. What it finds raises ValueError for what is no text."""
    by_fold = {name.casefold(): name for name in names}

    def find(value: Any) -> str | None:
        if not isinstance(value, str):
            raise ValueError(value)
        return by_fold.get(value.strip().casefold())

    return find


def _listed(names: Sequence[str], what: str) -> str:
    if not names:
        return f"none: this catalogue knows no {what}"
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return f"one of {', '.join(names[:_SHOWN])}{more}"
