"""LightGBM, imported without scikit-learn and pandas.

It imports both where they are installed, to offer their interfaces, which Marquee does not use. They are 65 of its 68 MiB, and
nine tenths of the second that the first explained list had to wait for.
"""

from __future__ import annotations

from core.absent import without

with without("sklearn", "pandas"):
    import lightgbm as lgb

__all__ = ["lgb"]
