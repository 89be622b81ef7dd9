"""What an event kind means is said once, in `core/kinds.py`: a new kind is one line there, and no other module lists kinds."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

from core.kinds import KIND_CODE, KINDS

ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "core" / "kinds.py"
PACKAGES = {path.parent.name for path in ROOT.glob("*/__init__.py")}

# Modules that make events of one kind, from sources that hold nothing else.
MAKES_EVENTS = {
    "app/usecases/drill/audience.py": {"WATCH"},  # simulated people watch what they accept
    "datasets/layout.py": {"RATING"},  # MovieLens has ratings
    "datasets/values.py": {"RATING", "VIEW", "WATCH"},  # rows without a kind: one with a value is a rating
    "recommender/onboarding.py": {"RATING"},  # what a new user says that they like is read as full marks
    "serving/films/session_user.py": {"RATING"},  # a bare id of a visit is a liking, read as full marks
    "streaming/course_log/events.py": {"RATING", "VIEW", "WATCH"},  # the log's lines
}
LISTS_KINDS = {"core/feature_schema.py"}  # the schema of old releases, written out because it must never change


def trees() -> dict[str, ast.Module]:
    paths = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py") if path != TABLE]
    return {str(path.relative_to(ROOT)): ast.parse(path.read_text()) for path in paths}


def test_no_other_module_defines_what_a_kind_means() -> None:
    named: dict[str, set[str]] = {}
    for path, tree in trees().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "Kind":
                named.setdefault(path, set()).add(node.attr)
    assert named == MAKES_EVENTS


def test_no_other_module_lists_kinds_by_name() -> None:
    lists = set()
    for path, tree in trees().items():
        for node in ast.walk(tree):
            parts = node.keys if isinstance(node, ast.Dict) else getattr(node, "elts", [])
            names = [part.value for part in parts if isinstance(part, ast.Constant) and part.value in KIND_CODE]
            if len(names) > 1:
                lists.add(path)
    assert lists <= LISTS_KINDS


def test_the_codes_are_the_order_of_the_table() -> None:
    assert [kind.spec.code for kind in KINDS] == list(range(len(KINDS)))


def test_a_new_kind_is_one_line() -> None:
    """In a process whose table has one kind more, every part of the system does with it what its line says."""
    source = TABLE.read_text()
    line = f'    REWATCH = "rewatch", KindSpec({len(KINDS)}, value=MINUTES, consumes=True, accepts=True, weight=0.75)\n'
    longer = source.replace("\n\nKINDS: ", f"{line}\n\nKINDS: ", 1)
    assert longer.count("\n") == source.count("\n") + 1
    child = subprocess.run(
        [sys.executable, "-c", IN_A_LONGER_WORLD],
        input=longer,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert child.returncode == 0, child.stderr


IN_A_LONGER_WORLD = """
import sys, types

kinds = types.ModuleType("core.kinds")
sys.modules["core.kinds"] = kinds
exec(compile(sys.stdin.read(), "core/kinds.py", "exec"), kinds.__dict__)

import numpy as np
import polars as pl
import pydantic
import torch

from core.catalogue import Catalogue
from core.events import Interaction
from core.features import UserFeatures
from core.settings import CONFIGS
from datasets.dataset import validate
from evaluation.acceptance import acceptance
from evaluation.queries import labelled_queries
from feature_repo.engines.batch import batch_features
from feature_repo.item_stats import item_stats
from feature_repo.record import pack, unpack
from feature_repo.signals import Signals, SignalWeights
from feature_repo.transforms import fold_history
from retrieval.sequences import Sequences
from retrieval.user_tower import value_buckets
from serving.http.problems import ALLOWED

CODE = 10
films = pl.DataFrame({"item_id": [1, 2], "title": ["a", "b"], "genres": [["x"], ["y"]], "year": [2000, 2001]})
catalogue = Catalogue.from_frame(films)
events = pl.DataFrame(
    {"user_id": [7, 7], "item_id": [1, 2], "kind": ["rewatch"] * 2, "value": [90.0, 5.0], "ts": [1e9, 1e9 + 1],
     "log_offset": [0, 1], "request_id": ["r", "r"]}
)

assert Interaction(user_id=7, item_id=1, kind="rewatch", value=90.0).kind == "rewatch"
try:
    Interaction(user_id=7, item_id=1, kind="rewatch", value=1441.0)
    raise AssertionError("a value outside the range was let in")
except pydantic.ValidationError as error:
    assert "0.0 to 1440.0 minutes for kind 'rewatch'" in str(error)
assert "rewatch" in ALLOWED["kind"] and "minutes for watch and rewatch" in ALLOWED["value"]
assert len(validate("x", events, films).interactions) == 2

[user] = fold_history(events, catalogue)
assert user.kinds.tolist() == [CODE] * 2
assert user.consumed.tolist() == [1, 2] and user.rating_count == 0
assert np.isclose(user.genre_weights.max(), 0.75)
assert batch_features(events, {1: ["x"], 2: ["y"]})["consumed"].to_list() == [[1, 2]]
assert unpack(7, pack(user)).consumed.tolist() == [1, 2]

assert SignalWeights.load(CONFIGS / "signals" / "default.toml").by_kind["rewatch"] == 0.75
assert Signals().of("rewatch", 1) == 0.75
assert (item_stats(events, catalogue, 2e9).recent > 0).all()
assert acceptance(events.select("request_id", "user_id", "item_id", "ts"), events).per_list == 1.0
assert [query.target for query in labelled_queries(events, catalogue, 0, 2e9)] == [0, 1]
assert Sequences.from_frame(events, catalogue).is_target.all()
minutes = value_buckets(torch.tensor([[CODE, 2]]), torch.tensor([[90.0, 90.0]]))
assert minutes[0, 0] == minutes[0, 1] and minutes[0, 0] != value_buckets(torch.tensor([[3]]), torch.tensor([[90.0]]))[0, 0]
"""
