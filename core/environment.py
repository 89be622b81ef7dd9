"""What stands in the environment beside the settings: a variable that looks like one and is none is a mistake, and is refused."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from difflib import get_close_matches

from core.errors import InvalidInput

PREFIX = "MARQUEE_"
OTHERS = frozenset({"MARQUEE_REQUIRE_SERVICES"})  # no settings: what the tests read
# What Kubernetes tells every container of a Service that is called marquee or marquee-...: addresses, no settings.
_SERVICE_LINK = re.compile(r"MARQUEE_(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP)(_\w+)?)")


def refuse_unknown(variables: Iterable[tuple[str, str]], settings: Collection[str]) -> None:
    """Raises InvalidInput for the first of the variables (name, value) that has Marquee's prefix and is no setting.

    It names the nearest setting and not the value, which may be a secret.
    """
    for name, value in sorted(variables):
        if not name.upper().startswith(PREFIX) or name.upper() in settings or name.upper() in OTHERS:
            continue
        if _SERVICE_LINK.fullmatch(name) or (name.endswith("_PORT") and "://" in value):
            continue
        [nearest] = get_close_matches(name.upper(), settings, n=1, cutoff=0.0)
        raise InvalidInput("an environment variable", name, f"the settings in docs/reference.md; the nearest is {nearest}")
