"""What a user liked, in rows of a release's catalogue."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.catalogue import Catalogue
from core.features import UserFeatures


def liked_rows(user: UserFeatures | None, catalogue: Catalogue) -> NDArray[np.intp]:
    """Rows of what the user liked [m], oldest first; empty for a user never seen."""
    if user is None:
        return np.empty(0, dtype=np.intp)
    rows = catalogue.rows(user.item_ids)
    return np.asarray(rows[(rows >= 0) & user.enjoyed], dtype=np.intp)
