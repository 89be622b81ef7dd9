"""A search space is data: what is wrong with it is said before the first trial."""

from pathlib import Path

import pytest

from core.errors import InvalidInput
from core.settings import CONFIGS
from retrieval.config import TrainConfig
from retrieval.search_space import SearchSpace


@pytest.mark.parametrize("name", sorted(path.stem for path in (CONFIGS / "tuning").glob("*.toml")))
def test_every_space_that_ships_fits_the_configuration_of_its_name(name: str) -> None:
    SearchSpace.load(CONFIGS / "tuning" / f"{name}.toml").check(TrainConfig.load(CONFIGS / "training" / f"{name}.toml"))


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"parameters": {}}, "parameters"),
        ({"parameters": {"dropout": {"low": 0.5, "high": 0.1}}}, "low (0.5) must be below high (0.1)"),
        ({"parameters": {"dropout": {"low": 0.0, "high": 0.1, "log": True}}}, "starts above 0"),
        ({"parameters": {"blocks": {"low": 1, "high": 4, "step": 0.5}}}, "the step must be an integer"),
        ({"parameters": {"dropout": {"low": 0.1}}}, "choices = [...], or low"),
        ({"parameters": {"block": {"choices": []}}}, "parameters.block"),
        ({"parameters": {"dropout": 0.2}}, "parameters.dropout"),
        ({"parameters": {"blocks": {"low": 1, "high": 2}}, "pruning": {"kind": "mean"}}, "pruning.kind"),
        ({"parameters": {"blocks": {"low": 1, "high": 2}}, "space": 1}, "space"),
    ],
)
def test_a_malformed_space_is_refused_by_field(values: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        SearchSpace.of(**values)
    assert field in refused.value.detail


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"parameters": {"dropouts": {"choices": [0.1]}}}, "dropouts"),
        ({"parameters": {"dropout": {"low": 0.5, "high": 1.5}}}, "dropout is 1.5"),
        ({"parameters": {"block": {"choices": ["ligr", "gru"]}}}, "block is 'gru'"),
        ({"parameters": {"blocks": {"low": 1, "high": 2}}, "fixed": {"blocks": 1}}, "not in `fixed` as well"),
        ({"parameters": {"blocks": {"low": 1, "high": 2}}, "fixed": {"validation_share": 0}}, "validation_share is 0.0"),
    ],
)
def test_a_space_that_does_not_fit_the_configuration_is_refused(values: dict[str, object], said: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        SearchSpace.of(**values).check(TrainConfig())
    assert said in refused.value.detail


def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "space.toml"
    broken.write_text("parameters = {")
    for path in (broken, tmp_path / "absent.toml"):
        with pytest.raises(InvalidInput, match=path.name):
            SearchSpace.load(path)


def test_a_configuration_is_the_base_with_what_is_fixed_and_the_trials_values() -> None:
    space = SearchSpace.of(parameters={"dropout": {"low": 0.1, "high": 0.3}}, fixed={"epochs": 3})
    config = space.configuration(TrainConfig(dim=32), {"dropout": 0.25})
    assert (config.dim, config.epochs, config.dropout) == (32, 3, 0.25)
