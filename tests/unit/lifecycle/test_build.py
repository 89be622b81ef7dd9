"""A release is built end to end on a small world; no part of it sees what comes after its own period."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from core import bundle
from core.answers import Answers
from core.bundle import Manifest
from core.catalogue import Catalogue, ItemStats
from core.errors import BundleCorrupt, DatasetError, InvalidInput, SchemaMismatch
from core.feature_schema import FeatureSchema
from core.features import Profiles
from datasets.timeline import timeline
from evaluation.watched import read_columns
from lifecycle.build import TrainingData, build_release
from lifecycle.cuts import BuildConfig, Cuts
from lifecycle.figures import read_figures
from ranking.candidate_features import CANDIDATE_FEATURES
from ranking.mlp_config import MlpConfig
from ranking.ranker import Ranker
from ranking.ranker_training import RankerConfig
from recommender.policy import Policy
from recommender.release import Release, open_release
from retrieval.config import TrainConfig
from retrieval.encoder import UserEncoder
from retrieval.preset import Preset
from retrieval.transitions import Transitions

N_ITEMS, N_USERS, PER_USER, SCHEMA = 30, 40, 12, FeatureSchema.of(CANDIDATE_FEATURES)
TRAIN = TrainConfig.of(dim=8, blocks=1, heads=1, learning_rate=0.02, batch_events=128, epochs=1, history_length=10)
BUILD = BuildConfig(
    towers_until=0.6,
    ranker_until=0.8,
    choice_until=0.9,
    ranker=RankerConfig(trees=5, leaves=4, min_rows_per_leaf=10, threads=1),
    refit=False,  # what is judged is what was learned from the past
)
POLICY = Policy.load("default")
CATALOGUE = Catalogue.from_frame(
    pl.DataFrame(
        {
            "item_id": range(1, N_ITEMS + 1),
            "title": [f"Film {i}" for i in range(1, N_ITEMS + 1)],
            "genres": [["Drama", "Crime"][: 1 + i % 2] for i in range(N_ITEMS)],
            "year": [1970 + i for i in range(N_ITEMS)],
        }
    )
)


def world() -> pl.DataFrame:
    """480 ratings at 480 different times."""
    rng = np.random.default_rng(0)
    order = rng.permutation(np.repeat(np.arange(1, N_USERS + 1), PER_USER))
    items = {user: iter((rng.permutation(N_ITEMS) + 1).tolist()) for user in range(1, N_USERS + 1)}
    rows = [
        (f"e{at}", user, next(items[user]), "rating", float(rng.integers(5, 11)) / 2, 1e9 + 100.0 * at)
        for at, user in enumerate(order.tolist())
    ]
    names = {
        "event_id": pl.String,
        "user_id": pl.Int64,
        "item_id": pl.Int64,
        "kind": pl.String,
        "value": pl.Float64,
        "ts": pl.Float64,
    }
    return pl.DataFrame(rows, schema=names, orient="row").with_columns(log_offset=pl.lit(-1, dtype=pl.Int64))


EVENTS = world()
CUTS = Cuts.of(EVENTS, BUILD)


@dataclass(frozen=True)
class Built:
    """A finished bundle and what was said on the way."""

    folder: Path
    said: list[str]

    @property
    def manifest(self) -> Manifest:
        return bundle.open_bundle(self.folder, SCHEMA)


def build(
    workdir: Path,
    events: pl.DataFrame = EVENTS,
    train: TrainConfig = TRAIN,
    config: BuildConfig = BUILD,
    production: Release | None = None,
    profiles: Profiles | None = None,
) -> Built:
    said: list[str] = []
    data = TrainingData(events, CATALOGUE, {"interactions": 3}, "A small world.", "none needed", profiles or {})
    folder = build_release(
        data,
        config,
        Preset.of(train),
        workdir / "work",
        policy=POLICY,
        feature_schema=SCHEMA,
        code_version="abc",
        seed=1,
        echo=said.append,
        production=production,
    )
    return Built(folder, said)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return build(tmp_path_factory.mktemp("whole"))


@pytest.fixture(scope="module")
def refitted(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return build(tmp_path_factory.mktemp("refitted"), config=replace(BUILD, refit=True))


def test_what_serves_learned_from_everything_and_was_judged_by_a_twin(built: Built, refitted: Built) -> None:
    twin, served = built.manifest, refitted.manifest
    assert _figures(served) == _figures(twin)
    assert served.config == {**twin.config, "refit": True}
    assert (twin.trained_until, served.trained_until) == (CUTS.choice, CUTS.end)
    assert (refitted.folder / bundle.RANKER).read_bytes() == (built.folder / bundle.RANKER).read_bytes()
    assert (refitted.folder / bundle.ITEM_EMBEDDINGS).read_bytes() != (built.folder / bundle.ITEM_EMBEDDINGS).read_bytes()
    counted = [Transitions.load(one.folder / bundle.TRANSITIONS).weights.nnz for one in (built, refitted)]
    assert counted[1] > counted[0]
    cards = [(one.folder / bundle.MODEL_CARD).read_text() for one in (built, refitted)]
    assert ["The figures are those of a twin that saw no event at or after" in card for card in cards] == [False, True]


def _figures(manifest: Manifest) -> dict[str, float]:
    """Those of the twin; how lists behave is that of what serves."""
    return {name: value for name, value in manifest.metrics.items() if not name.startswith("behaviour_")}


def test_lists_of_what_serves_were_tested(refitted: Built) -> None:
    found = {name: value for name, value in refitted.manifest.metrics.items() if name.startswith("behaviour_")}
    assert found.pop("behaviour_personal") > 0
    counts = ("behaviour_repeats", "behaviour_short", "behaviour_unstable", "behaviour_hidden")
    assert [found.pop(name) for name in counts] == [0.0] * 4
    assert set(found) == {"behaviour_crowding", "behaviour_popularity_bias", "behaviour_steadiness"}  # films without sequels


def test_a_successor_is_compared_with_production_on_what_neither_has_seen(built: Built, tmp_path: Path) -> None:
    """Production of these events less the newest, which are the window; it is compared with itself under another name."""
    found = build(tmp_path, production=open_release(built.folder)).manifest.compared
    assert found is not None
    assert (found.production, found.start, found.end) == (built.manifest.release, CUTS.choice, CUTS.end)
    asked = EVENTS.filter(pl.col("ts") >= CUTS.choice)
    assert 0 < found.queries <= len(asked)
    assert found.users <= asked["user_id"].n_unique()
    assert found.low <= found.ndcg - found.production_ndcg <= found.high
    assert found.milliseconds > 0 < found.production_milliseconds


def test_where_production_has_seen_everything_there_is_nothing_to_compare_by(refitted: Built, tmp_path: Path) -> None:
    found = build(tmp_path, production=open_release(refitted.folder)).manifest.compared
    assert found is not None
    assert (found.queries, found.low, found.high) == (0, 0.0, 0.0)


def test_events_without_times_are_cut_for_everybody(tmp_path: Path) -> None:
    """Positions 0 to 11 of each user: every user's latest events are judged, not only those of the longest histories."""
    positions = EVENTS.with_columns(ts=pl.int_range(pl.len()).over("user_id").cast(pl.Float64))
    longer = positions.filter((pl.col("ts") < 6) | (pl.col("user_id") <= 4))
    on_line = timeline(longer)
    cut = Cuts.of(on_line, BUILD)
    judged = on_line.filter(pl.col("ts") >= cut.towers)
    assert judged["user_id"].n_unique() > N_USERS * 0.9
    assert on_line.group_by("user_id").agg(pl.col("ts").max())["ts"].is_between(-1, 0).all()
    order = [frame.sort("user_id", "ts")["event_id"].to_list() for frame in (longer, on_line)]
    assert order[0] == order[1]
    found = build(tmp_path, positions)
    assert found.manifest.judged_from is None
    assert found.manifest.trained_until == pytest.approx(11)
    assert "position 11 (the data has no times)" in (found.folder / bundle.MODEL_CARD).read_text()


def test_events_of_one_moment_are_in_the_order_of_the_file(tmp_path: Path) -> None:
    assert build(tmp_path, EVENTS.with_columns(ts=pl.lit(1e9))).manifest.judged_from is None


def mirrored_from(start: float) -> pl.DataFrame:
    """The same events, but from `start` on they are on other items with other stars. The times, and so the cuts, stay."""
    later = pl.col("ts") >= start
    return EVENTS.with_columns(
        item_id=pl.when(later).then(N_ITEMS + 1 - pl.col("item_id")).otherwise(pl.col("item_id")),
        value=pl.when(later).then(5.5 - pl.col("value")).otherwise(pl.col("value")),
    )


def test_the_bundle_is_whole_and_fits_only_its_schema(built: Built) -> None:
    manifest = built.manifest
    assert built.folder.name == manifest.release
    others = {bundle.TRANSITIONS, bundle.FIGURES, bundle.USER_REFERENCE, bundle.RANKER_TREES}
    assert set(manifest.files) - {bundle.EASE} == {*bundle.FILES, *others}
    assert (bundle.EASE in manifest.files) == (manifest.config["ease_weight"] > 0)
    assert sorted(path.name for path in built.folder.iterdir()) == sorted([*manifest.files, bundle.MANIFEST])
    assert (manifest.dim, manifest.n_items, manifest.code_version) == (8, N_ITEMS, "abc")
    assert manifest.data_version == {"interactions": 3}
    assert manifest.config["policy"] == POLICY.id
    assert manifest.features == replace(SCHEMA, history=TRAIN.history_length)
    assert bundle.open_bundle(built.folder, replace(SCHEMA, candidate=(*CANDIDATE_FEATURES, "mood"))) == manifest
    with pytest.raises(SchemaMismatch, match=f"candidate feature {CANDIDATE_FEATURES[-1]}"):
        bundle.open_bundle(built.folder, replace(SCHEMA, candidate=CANDIDATE_FEATURES[:-1]))


def test_attributes_and_answers_of_users_are_learned_from_and_counted_by_segment(tmp_path: Path) -> None:
    told = Answers(items=(3,), genres=("Crime",), age_band="25-34").tokens()
    profiles = {user: ["gender:F", *told] if user % 2 else ["age:56"] for user in range(1, N_USERS + 1)}
    made = open_release(build(tmp_path, profiles=profiles).folder)
    assert made.segments is not None
    assert made.segments.segments == ("age:25", "age:56", "gender:F"), "a told age counts, what somebody likes is no segment"
    assert made.segments.counts.sum() > 0


def test_every_part_of_the_bundle_opens(built: Built) -> None:
    catalogue = Catalogue.from_frame(pl.read_parquet(built.folder / bundle.CATALOGUE))
    assert catalogue.titles == CATALOGUE.titles
    vectors = np.load(built.folder / bundle.ITEM_EMBEDDINGS, allow_pickle=False)
    assert UserEncoder(built.folder / bundle.USER_TOWER, vectors, catalogue).dim == 8
    assert Ranker.load(built.folder / bundle.RANKER).score(np.zeros((2, len(CANDIDATE_FEATURES)), np.float32)).shape == (2,)
    assert "A small world." in (built.folder / bundle.MODEL_CARD).read_text()
    assert len(read_columns(built.folder / bundle.REFERENCE)["value"]) == len(EVENTS) // 2, "the newer half"


def test_statistics_are_as_of_now_and_count_every_event(built: Built) -> None:
    stats = ItemStats.read(built.folder / bundle.ITEM_STATS)
    assert stats.n_events.sum() == len(EVENTS)
    assert stats.as_of == CUTS.end > EVENTS["ts"].max()


def test_the_figures_are_of_the_last_period(built: Built) -> None:
    metrics = built.manifest.metrics
    assert metrics["queries"] == EVENTS.filter(pl.col("ts") >= CUTS.choice).height == 48
    assert all(np.isfinite(value) for value in metrics.values())
    assert metrics["training_epochs"] == 1


def test_the_scorer_is_the_one_that_the_choice_named(built: Built) -> None:
    scorer = built.manifest.config["scorer"]
    assert scorer in ("lambdamart", "retrieval")
    assert any(line.startswith(f"order by {scorer}: ") for line in built.said)


def test_the_ranker_alone_learns_by_what_events_count(built: Built, tmp_path: Path) -> None:
    every, some = (pl.lit(1.0), pl.when(pl.col("user_id") > N_USERS // 2).then(0.05).otherwise(1.0))
    alike = build(tmp_path / "alike", EVENTS.with_columns(weight=every))
    unlike = build(tmp_path / "unlike", EVENTS.with_columns(weight=some))
    for name in (bundle.ITEM_EMBEDDINGS, bundle.TRANSITIONS, bundle.ITEM_STATS, bundle.CATALOGUE):
        assert (unlike.folder / name).read_bytes() == (built.folder / name).read_bytes(), name
    assert (alike.folder / bundle.RANKER).read_bytes() == (built.folder / bundle.RANKER).read_bytes()
    assert (unlike.folder / bundle.RANKER).read_bytes() != (built.folder / bundle.RANKER).read_bytes()


def test_an_mlp_is_trained_where_it_is_asked_for_and_can_be_the_one_that_orders(built: Built, tmp_path: Path) -> None:
    other = build(tmp_path, config=replace(BUILD, mlp=MlpConfig(hidden=(4,), epochs=2)))
    release = open_release(other.folder)
    assert release.mlp is not None
    assert release.mlp.names == CANDIDATE_FEATURES
    assert other.manifest.config["scorer"] in ("lambdamart", "mlp", "retrieval")
    assert any("mlp NDCG@10" in line for line in other.said if line.startswith("order by"))
    assert (other.folder / bundle.RANKER).read_bytes() == (built.folder / bundle.RANKER).read_bytes()
    assert bundle.MLP_RANKER in other.manifest.files
    assert open_release(built.folder).mlp is None


@pytest.mark.parametrize(
    ("start", "unchanged"),
    [
        ("towers", (bundle.ITEM_EMBEDDINGS, bundle.TOWER_WEIGHTS, bundle.USER_TOWER)),
        ("ranker", (bundle.ITEM_EMBEDDINGS, bundle.RANKER)),
        ("choice", (bundle.ITEM_EMBEDDINGS, bundle.RANKER)),
    ],
)
def test_a_part_does_not_see_what_comes_after_its_period(
    built: Built, tmp_path: Path, start: str, unchanged: tuple[str, ...]
) -> None:
    other = build(tmp_path, mirrored_from(getattr(CUTS, start)))
    for name in unchanged:
        assert (other.folder / name).read_bytes() == (built.folder / name).read_bytes(), name
    for name in (bundle.ITEM_STATS, *([bundle.RANKER] if start == "towers" else [])):
        assert (other.folder / name).read_bytes() != (built.folder / name).read_bytes(), name
    assert other.manifest.metrics["ndcg@10"] != built.manifest.metrics["ndcg@10"]
    if start == "choice":
        assert other.manifest.config["scorer"] == built.manifest.config["scorer"]
        assert [line for line in other.said if "order by" in line] == [line for line in built.said if "order by" in line]


def test_the_bundle_has_what_the_manifest_has_no_room_for(built: Built, refitted: Built) -> None:
    figures, again = read_figures(built.folder), read_figures(refitted.folder)
    assert figures is not None
    assert again is not None
    assert [one.name for one in figures.models] == ["as served", "two towers", "EASE", "transitions"]
    assert [len(figures.curves["learning/loss"]), "refit/loss" in figures.curves, "refit/loss" in again.curves] == [
        1,
        False,
        True,
    ]
    assert figures.models[0].training_seconds > figures.models[1].training_seconds > 0
    assert {name: sum(shares) for name, shares in figures.popularity.items()} == pytest.approx(
        dict.fromkeys(figures.popularity, 1)
    )
    assert list(figures.popularity)[0::3] == ["as served", "taken up"]
    card = (built.folder / bundle.MODEL_CARD).read_text()
    assert f"| EASE | {figures.models[2].ndcg:.4f} |" in card
    (built.folder.parent / bundle.FIGURES).write_text("{}")
    with pytest.raises(BundleCorrupt, match="figures"):
        read_figures(built.folder.parent)
    assert read_figures(built.folder.parent.parent) is None


def test_the_cuts_hold_the_shares_and_nothing_twice() -> None:
    shares = [
        EVENTS.filter(pl.col("ts") < moment).height / len(EVENTS) for moment in (CUTS.towers, CUTS.ranker, CUTS.choice, CUTS.end)
    ]
    assert shares == pytest.approx([0.6, 0.8, 0.9, 1.0])


@pytest.mark.parametrize(
    "cuts",
    [(0.9, 0.8, 0.95), (0.8, 0.8, 0.9), (0.8, 0.95, 0.9), (0.0, 0.5, 0.9), (0.5, 0.9, 1.0), (-0.5, 0.5, 0.9)],
)
def test_cuts_out_of_order_are_refused(cuts: tuple[float, float, float]) -> None:
    with pytest.raises(InvalidInput, match="cuts"):
        BuildConfig(*cuts)


def last_half_at_once(events: pl.DataFrame) -> pl.DataFrame:
    return events.with_columns(ts=pl.col("ts").clip(upper_bound=CUTS.towers))


def of_strangers(events: pl.DataFrame) -> pl.DataFrame:
    return events.with_columns(user_id=pl.int_range(1, pl.len() + 1, dtype=pl.Int64))


@pytest.mark.parametrize("spoil", [last_half_at_once, of_strangers])
def test_too_few_events_to_learn_from_are_reported(tmp_path: Path, spoil: Callable[[pl.DataFrame], pl.DataFrame]) -> None:
    with pytest.raises(DatasetError):
        build(tmp_path, spoil(EVENTS))


def test_a_draft_that_was_left_behind_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "work" / "draft").mkdir(parents=True)
    (tmp_path / "work" / "draft" / "half_a_file").write_text("...")
    assert not (build(tmp_path).folder / "half_a_file").exists()
