"""What a new user answered when asked what they like: tokens of the profile ("told:genre:Drama"), beside static attributes.

No event is made up: answers are read as a history when a list is made (`recommender.onboarding`), so they neither count as
popularity nor are learned from as if somebody had watched something.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_TOLD = "told:"
_AGE = "age"
# The age bands of MovieLens 1M, by the lower end that profiles name them by ("age:25").
AGE_BANDS = {"under 18": 1, "18-24": 18, "25-34": 25, "35-44": 35, "45-49": 45, "50-55": 50, "56+": 56}
MAX_ANSWERS = 50  # of each sort


@dataclass(frozen=True, slots=True)
class Answers:
    """Items by their keys; genres and people by name; one of `AGE_BANDS`."""

    items: tuple[int, ...] = ()
    genres: tuple[str, ...] = ()
    people: tuple[str, ...] = ()
    age_band: str | None = None

    def __bool__(self) -> bool:
        return bool(self.items or self.genres or self.people or self.age_band)

    def tokens(self) -> tuple[str, ...]:
        """For the profile; `of` is the inverse."""
        named = [("item", str(item)) for item in self.items]
        named += [("genre", genre) for genre in self.genres] + [("person", person) for person in self.people]
        named += [(_AGE, str(AGE_BANDS[self.age_band]))] if self.age_band else []
        return tuple(f"{_TOLD}{sort}:{value}" for sort, value in named)

    @classmethod
    def of(cls, profile: Iterable[str]) -> Answers:
        """Those among the tokens of a profile."""
        told: dict[str, list[str]] = {"item": [], "genre": [], "person": [], _AGE: []}
        for token in filter(is_answer, profile):
            sort, _, value = token.removeprefix(_TOLD).partition(":")
            told.setdefault(sort, []).append(value)
        bands = [name for name, start in AGE_BANDS.items() if str(start) in told[_AGE]]
        return cls(tuple(map(int, told["item"])), tuple(told["genre"]), tuple(told["person"]), bands[0] if bands else None)


def is_answer(token: str) -> bool:
    """Whether a token of a profile is an answer of the user's own."""
    return token.startswith(_TOLD)


def attributes(profile: Sequence[str]) -> tuple[str, ...]:
    """The static attributes of a profile. An age that the user told is one, unless the company knows it."""
    known = tuple(token for token in profile if not is_answer(token))
    if any(token.startswith(f"{_AGE}:") for token in known):
        return known
    return known + tuple(token.removeprefix(_TOLD) for token in profile if token.startswith(f"{_TOLD}{_AGE}:"))


def with_answers(profile: Sequence[str], answers: Answers) -> tuple[str, ...]:
    """A profile with these answers in the place of those it had."""
    return (*(token for token in profile if not is_answer(token)), *answers.tokens())
