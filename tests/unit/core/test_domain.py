"""The words of a domain: every file that comes with Marquee, and one that a company wrote."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.domain import FOLDER, Domain
from core.errors import InvalidInput, NotFound


@pytest.mark.parametrize("name", sorted(path.stem for path in FOLDER.glob("*.toml")))
def test_what_comes_with_marquee_is_complete(name: str) -> None:
    domain = Domain.load(name)
    assert domain.words.item != domain.words.items
    assert domain.stars.max / domain.stars.step % 1 == 0


def test_the_film_words_and_another_file(tmp_path: Path) -> None:
    films = Domain.load("films")
    assert (films.words.item, films.words.items, films.stars.max, films.stars.step) == ("film", "films", 5, 0.5)
    own = tmp_path / "wines.toml"
    own.write_text((FOLDER / "books.toml").read_text().replace('"book"', '"wine"'))
    assert Domain.load(str(own)).words.item == "wine"
    assert Domain.load("wines", tmp_path).words.item == "wine"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (('item = "film"', ""), "words.item"),
        (('item = "film"', 'item = ""'), "words.item"),
        (('item = "film"', 'item = "film"\nthing = "x"'), "words.thing"),
        (("max = 5 ", "max = 6 "), "stars.max"),
        (("step = 0.5", "step = 0.75"), "stars"),
        (("step = 0.5", "step = nan"), "stars.step"),
        (('name = "Marquee"', "name = "), "domain"),
    ],
)
def test_a_wrong_file_names_the_field(tmp_path: Path, change: tuple[str, str], named: str) -> None:
    text = (FOLDER / "films.toml").read_text()
    assert change[0] in text
    (tmp_path / "own.toml").write_text(text.replace(*change))
    with pytest.raises(InvalidInput, match=named):
        Domain.load("own", tmp_path)


def test_an_unknown_name_says_which_there_are(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="books, films, products"):
        Domain.load("cars")
