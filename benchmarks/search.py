"""How long a search takes in a large catalogue, beside what one would write first: LIKE over a table of titles.

    python benchmarks/search.py [--titles 60000]

The catalogue is that of the bundled films, again and again under other titles (the letters of each word in another order), until
it has as many titles. Queries are typed letter by letter, as a page sends them: the beginnings of titles, with a typing error in
one of three. LIKE finds neither errors nor articles that the catalogue puts behind; the share of the titles that each finds once
thirteen letters are typed stands beside the times.
"""

from __future__ import annotations

import argparse
import sqlite3
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import polars as pl
import record

from core import columns as c
from core.item_facts import ItemFacts
from core.titles import as_written, without_year
from datasets.registry import read_any

sys.path.remove(str(Path(__file__).parent))  # which has a serving.py of its own
from serving.films.search_index import SearchIndex, words_of

QUERIES, LETTERS, K = 60, (1, 2, 3, 5, 8, 13), 20


def catalogue(titles: int, dice: np.random.Generator) -> pl.DataFrame:
    """Items with made-up copies of their titles."""
    items = read_any("ml-latest-small").items
    copies = -(-titles // len(items))
    frames = [items.with_columns(pl.col(c.ITEM) + at * 1_000_000) for at in range(copies)]
    made = [frame.with_columns(pl.Series(c.TITLE, _shuffled(frame[c.TITLE].to_list(), dice))) for frame in frames[1:]]
    return pl.concat([frames[0], *made]).head(titles)


def _shuffled(titles: Sequence[str], dice: np.random.Generator) -> list[str]:
    return [" ".join("".join(dice.permutation(list(word))) for word in title.split()) for title in titles]


def typed(items: pl.DataFrame, dice: np.random.Generator) -> list[tuple[int, str]]:
    """Items that were meant, and what was typed so far."""
    chosen = items.filter(pl.col(c.ITEM) < 1_000_000).sample(QUERIES, seed=3)
    found = []
    for key, title in zip(chosen[c.ITEM].to_list(), chosen[c.TITLE].to_list(), strict=True):
        text = " ".join(words_of(without_year(as_written(title))))
        if len(found) // len(LETTERS) % 3 == 0 and len(text) > 4:
            at = int(dice.integers(1, len(text) - 2))
            text = text[:at] + text[at + 1] + text[at] + text[at + 2 :]
        found += [(key, text[:letters]) for letters in LETTERS]
    return found


def timed(search: Callable[[str], Sequence[int]], queries: Sequence[tuple[int, str]]) -> tuple[np.ndarray, float]:
    """Milliseconds of each, and the share of full titles that found what was meant."""
    milliseconds, found = [], []
    for key, text in queries:
        start = time.perf_counter()
        keys = search(text)
        milliseconds.append((time.perf_counter() - start) * 1e3)
        if len(text) >= LETTERS[-1]:
            found.append(key in keys)
    return np.array(milliseconds), float(np.mean(found))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--titles", type=int, default=60_000)
    given = parser.parse_args()
    dice = np.random.default_rng(7)
    items = catalogue(given.titles, dice)
    facts, index, like = ItemFacts(items), SearchIndex(), sqlite3.connect(":memory:")
    start = time.perf_counter()
    index.follow(facts, items[c.ITEM].to_list)
    built = time.perf_counter() - start
    renamed = ItemFacts(
        items.with_columns(pl.when(pl.col(c.ITEM) == 1).then(pl.lit("Another")).otherwise(c.TITLE).alias(c.TITLE))
    )
    start = time.perf_counter()
    index.follow(renamed, list)
    changed = time.perf_counter() - start
    like.execute("CREATE TABLE items (key INTEGER PRIMARY KEY, title TEXT)")
    like.executemany("INSERT INTO items VALUES (?, ?)", items.select(c.ITEM, c.TITLE).iter_rows())
    queries = typed(items, dice)
    ways: dict[str, Callable[[str], Sequence[int]]] = {
        "search": lambda text: index.find(text).keys,
        "like": lambda text: [
            key for (key,) in like.execute("SELECT key FROM items WHERE title LIKE ? LIMIT ?", (f"%{text}%", K))
        ],
    }
    metrics = {"titles": float(len(items)), "build seconds": built, "change milliseconds": changed * 1e3}
    means = []
    for name, search in ways.items():
        milliseconds, found = timed(search, queries)
        means.append(float(milliseconds.mean()))
        for share in (50, 99, 100):
            metrics[f"{name} p{share} ms"] = float(np.percentile(milliseconds, share))
        metrics[f"{name} finds what was meant"] = found
    metrics["like / search, mean time"] = means[1] / means[0]
    for name, value in metrics.items():
        print(f"{name:28s} {value:10.3f}")
    record.write("search", f"ml-latest-small x {given.titles}", metrics, (7,))


if __name__ == "__main__":
    main()
