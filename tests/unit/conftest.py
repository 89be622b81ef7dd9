"""What tests of several packages share. The imports stand inside: tests of the command line need none of this."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from recommender.release import Release


@pytest.fixture(scope="session")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    """`tiny_release`, opened: 60 films, ids 10 to 600."""
    import tiny_release

    from recommender.release import open_release

    return open_release(tiny_release.build(tmp_path_factory.mktemp("release")))
