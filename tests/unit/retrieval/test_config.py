"""The training configuration says what is wrong with it."""

from pathlib import Path

import pytest

from core.errors import InvalidInput
from core.settings import CONFIGS
from retrieval.config import TrainConfig


def test_the_demo_configuration_loads() -> None:
    config = TrainConfig.load(CONFIGS / "training" / "demo.toml")
    assert config.dim % config.heads == 0


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        ("dimension = 64", "dimension", "64"),
        ("dim = 0", "dim", "0"),
        ("dim = 10\nheads = 4", "heads", "4"),
        ('loss = "bpr"', "loss", "bpr"),
        ("dropout = 1.0", "dropout", "1.0"),
        ("learning_rate = nan", "learning_rate", "nan"),
        ("history_length = 1001", "history_length", "1001"),
        ('epochs = "many"', "epochs", "many"),
        ("validation_share = 0.9", "validation_share", "0.9"),
    ],
)
def test_a_bad_value_is_named_with_what_is_allowed(tmp_path: Path, text: str, field: str, value: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(InvalidInput) as caught:
        TrainConfig.load(path)
    assert caught.value.field == field
    assert value in caught.value.detail
    assert "allowed: " in caught.value.detail


@pytest.mark.parametrize("content", [b"dim = ", b"\xff\xfe\x00"])
def test_a_file_that_is_no_toml_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.toml"
    path.write_bytes(content)
    with pytest.raises(InvalidInput, match=r"broken\.toml"):
        TrainConfig.load(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"absent\.toml"):
        TrainConfig.load(tmp_path / "absent.toml")


def test_it_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        TrainConfig().dim = 3  # type: ignore[misc]
