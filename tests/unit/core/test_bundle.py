"""A bundle is whole and fits the code, or it is refused with a message that says what is wrong."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from core.bundle import FILES, ITEM_EMBEDDINGS, MANIFEST, MODEL_CARD, RANKER, Manifest, digests, open_bundle
from core.errors import BundleCorrupt, SchemaMismatch
from core.feature_schema import LEGACY, FeatureSchema

SCHEMA = FeatureSchema(user=("kinds:int64[]",), history=50, kinds=("view", "skip"), candidate=("year", "score"))

PIPELINE = "pipeline.toml"  # older bundles have it


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A whole bundle."""
    folder = tmp_path / "bundle"
    folder.mkdir()
    for name in FILES:
        (folder / name).write_bytes(name.encode() * 100)
    Manifest(
        release="20261120-221530-1a2b3c", created="2026-11-20T22:15:30Z", code_version="abc", data_version={"interactions": 7},
        trained_until=1.5e9, feature_schema=SCHEMA.digest, features=SCHEMA, dim=64, n_items=5, metrics={"ndcg@10": 0.1},
        config={"epochs": 3}, files=digests(folder),
    ).write(folder)  # fmt: skip
    return folder


def edit_manifest(folder: Path, **changes: object) -> None:
    known = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps(known | changes))


def test_a_whole_bundle_opens_with_what_was_written(folder: Path) -> None:
    manifest = open_bundle(folder, SCHEMA)
    assert manifest.release == "20261120-221530-1a2b3c"
    assert manifest.data_version == {"interactions": 7}
    assert manifest.files.keys() == set(FILES)
    assert Manifest.model_validate_json((folder / MANIFEST).read_bytes()) == manifest


def test_the_digests_are_sha256(folder: Path) -> None:
    (folder / RANKER).write_bytes(b"abc")
    # the example of FIPS 180-2, appendix B.1
    assert digests(folder)[RANKER] == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_an_edited_file_is_named(folder: Path) -> None:
    (folder / RANKER).write_bytes((folder / RANKER).read_bytes() + b" ")
    with pytest.raises(BundleCorrupt, match=rf"release 20261120-221530-1a2b3c: {RANKER} is not the file that was registered"):
        open_bundle(folder, SCHEMA)


def test_a_truncated_file_is_named(folder: Path) -> None:
    raw = (folder / ITEM_EMBEDDINGS).read_bytes()
    (folder / ITEM_EMBEDDINGS).write_bytes(raw[: len(raw) // 2])
    with pytest.raises(BundleCorrupt, match=ITEM_EMBEDDINGS):
        open_bundle(folder, SCHEMA)


def test_every_damaged_file_is_named_at_once(folder: Path) -> None:
    for name in (RANKER, MODEL_CARD):
        (folder / name).write_bytes(b"")
    with pytest.raises(BundleCorrupt) as caught:
        open_bundle(folder, SCHEMA)
    assert RANKER in caught.value.detail
    assert MODEL_CARD in caught.value.detail


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(BundleCorrupt, match=f"lacks {name}"):
        open_bundle(folder, SCHEMA)


def test_a_file_that_the_manifest_does_not_list_is_refused(folder: Path) -> None:
    files = {name: digest for name, digest in digests(folder).items() if name != RANKER}
    edit_manifest(folder, files=files)
    with pytest.raises(BundleCorrupt, match=RANKER):
        open_bundle(folder, SCHEMA)


@pytest.mark.parametrize("text", ["", "{half", "[]", '{"release": "x"}'], ids=["empty", "half", "list", "incomplete"])
def test_an_unreadable_manifest_is_refused(folder: Path, text: str) -> None:
    (folder / MANIFEST).write_text(text)
    with pytest.raises(BundleCorrupt, match=f"{MANIFEST} cannot be read"):
        open_bundle(folder, SCHEMA)


def test_a_manifest_with_an_unheard_of_field_is_refused(folder: Path) -> None:
    edit_manifest(folder, pickle="model.pkl")
    with pytest.raises(BundleCorrupt, match="pickle"):
        open_bundle(folder, SCHEMA)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleCorrupt, match="cannot be read"):
        open_bundle(tmp_path / "nowhere", SCHEMA)


LONGER = FeatureSchema(
    user=("mood:string", "kinds:int64[]"), history=80, kinds=("view", "skip", "rewatch"), candidate=("score", "mood", "year")
)


def test_code_that_computes_more_opens_the_bundle(folder: Path) -> None:
    assert open_bundle(folder, LONGER).features == SCHEMA


@pytest.mark.parametrize(
    ("changes", "lacking"),
    [
        ({"user": ("mood:string",)}, ["user feature kinds:int64[]"]),
        ({"user": ("kinds:int32[]",)}, ["user feature kinds:int64[]"]),
        ({"history": 49}, ["a history of 50 events (here 49)"]),
        ({"kinds": ("view",)}, ["event kind skip with code 1"]),
        ({"kinds": ("skip", "view")}, ["event kind view with code 0", "event kind skip with code 1"]),
        ({"kinds": ("view", "rewatch", "skip")}, ["event kind skip with code 1"]),
        ({"candidate": ("score",)}, ["candidate feature year"]),
        ({"history": 0, "candidate": ("year",)}, ["a history of 50 events (here 0)", "candidate feature score"]),
    ],
    ids=str,
)
def test_a_release_that_uses_more_is_refused(folder: Path, changes: dict[str, object], lacking: list[str]) -> None:
    with pytest.raises(SchemaMismatch) as caught:
        open_bundle(folder, replace(SCHEMA, **changes))
    assert caught.value.extensions == {"release": "20261120-221530-1a2b3c", "lacking": lacking}
    assert all(name in caught.value.detail for name in lacking)
    assert caught.value.status == 503


def as_an_older_release(folder: Path, feature_schema: str) -> None:
    """Its manifest has the digest alone, and its bundle the pipeline."""
    (folder / PIPELINE).write_text('name = "default"')
    known = json.loads((folder / MANIFEST).read_text())
    del known["features"]
    (folder / MANIFEST).write_text(json.dumps(known | {"feature_schema": feature_schema, "files": digests(folder)}))


def test_an_older_release_is_held_to_the_same_rule(folder: Path) -> None:
    as_an_older_release(folder, "3dfb02e6f97f")  # what version b4e2d62 wrote
    more = replace(LEGACY, kinds=(*LEGACY.kinds, "rewatch"), candidate=("mood", *LEGACY.candidate))
    assert open_bundle(folder, LEGACY) == open_bundle(folder, more)
    with pytest.raises(SchemaMismatch, match="candidate feature item_is_cold"):
        open_bundle(folder, replace(LEGACY, candidate=LEGACY.candidate[:-1]))


def test_an_older_release_of_an_unknown_schema_is_refused(folder: Path) -> None:
    as_an_older_release(folder, "0123456789ab")
    with pytest.raises(SchemaMismatch, match="the feature schema 0123456789ab"):
        open_bundle(folder, LEGACY)


def test_a_file_beyond_the_required_ones_is_checked_like_them(folder: Path) -> None:
    as_an_older_release(folder, LEGACY.digest)
    (folder / PIPELINE).write_text("edited")
    with pytest.raises(BundleCorrupt, match=f"{PIPELINE} is not the file"):
        open_bundle(folder, LEGACY)
    (folder / PIPELINE).unlink()
    with pytest.raises(BundleCorrupt, match=f"lacks {PIPELINE}"):
        open_bundle(folder, LEGACY)


def test_what_this_code_computes_still_serves_the_releases_of_older_code() -> None:
    assert FeatureSchema.of(LEGACY.candidate).missing(LEGACY) == []


def test_damage_is_reported_before_a_mismatch(folder: Path) -> None:
    (folder / RANKER).write_bytes(b"")
    with pytest.raises(BundleCorrupt):
        open_bundle(folder, LEGACY)
