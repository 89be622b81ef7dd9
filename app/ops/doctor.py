"""`marquee doctor`: checks each dependency and says how to fix what is wrong. Reads only; changes nothing."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table

from app import processes, wiring
from app.console import err, out
from core.errors import MarqueeError
from core.settings import Settings

MIN_FREE_GB = 2.0
NVIDIA = Path("/proc/driver/nvidia/version")  # there where the driver is loaded
LOOPBACK = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True)
class Diagnosis:
    """One line of the report. `needed`: without it Marquee does not work."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""
    needed: bool = True


def examine(settings: Settings) -> int:
    """Print the findings; 0 if everything that is needed works, else 1."""
    table = Table("", "what", "finding", "what to do")
    findings = []
    with err.status("looking") as status:  # on a terminal; elsewhere the table alone is printed
        for check in CHECKS:
            status.update(f"looking at {check.__name__.strip('_').replace('_', ' ')}")
            findings.append(_guarded(check, settings))
    for finding in findings:
        mark = "[green]ok[/]" if finding.ok else ("[red]no[/]" if finding.needed else "[yellow]--[/]")
        table.add_row(mark, finding.name, finding.detail, "" if finding.ok else finding.remedy)
    out.print(table)
    return int(any(finding.needed and not finding.ok for finding in findings))


def _guarded(check: Callable[[Settings], Diagnosis], settings: Settings) -> Diagnosis:
    try:
        return check(settings)
    except MarqueeError as error:
        return Diagnosis(check.__name__.strip("_"), False, error.detail, "see docs/runbook.md")


def _python(settings: Settings) -> Diagnosis:  # noqa: ARG001
    found = ".".join(map(str, sys.version_info[:3]))
    return Diagnosis("python", (3, 11) <= sys.version_info[:2] < (3, 15), found, "use Python 3.11 to 3.14")


def _packages(settings: Settings) -> Diagnosis:  # noqa: ARG001
    """Whether another distribution in this environment has a package of the same name, and so wrote over files."""
    from importlib.metadata import packages_distributions

    from marquee import PACKAGES

    owners = packages_distributions()
    others = [f"{name} of {', '.join(owners[name])}" for name in PACKAGES if len(set(owners.get(name, ()))) > 1]
    finding = "; ".join(others) or f"{len(PACKAGES)}, Marquee's own"
    return Diagnosis("packages", not others, finding, "install Marquee into a virtual environment of its own")


def _torch(settings: Settings) -> Diagnosis:  # noqa: ARG001
    """What is installed, without importing it: that takes longer than all else here."""
    from importlib.metadata import PackageNotFoundError, version

    remedy = "pip install -c constraints.txt torch"
    try:
        found = version("torch")
    except PackageNotFoundError:
        return Diagnosis("torch", False, "it is not installed", remedy)
    device = "an NVIDIA GPU" if NVIDIA.exists() else "no GPU: training runs on the CPU"
    return Diagnosis("torch", True, f"{found}, {device}", remedy)


def _home(settings: Settings) -> Diagnosis:
    home = settings.home.resolve()
    parent = next(folder for folder in (home, *home.parents) if folder.exists())
    writable = os.access(parent, os.W_OK | os.X_OK)
    return Diagnosis(
        "home", writable, f"{home} ({'' if writable else 'not '}writable)", "fix the permissions, or set MARQUEE_HOME"
    )


def _disk(settings: Settings) -> Diagnosis:
    home: Path = next(folder for folder in (settings.home.resolve(), *settings.home.resolve().parents) if folder.exists())
    free = shutil.disk_usage(home).free / 1e9
    return Diagnosis("disk", free >= MIN_FREE_GB, f"{free:.0f} GB free", f"free {MIN_FREE_GB:.0f} GB, or set MARQUEE_HOME")


def _data(settings: Settings) -> Diagnosis:
    versions = {table: wiring.lake(settings).version(table) for table in ("interactions", "items")}
    return Diagnosis("data", min(versions.values()) >= 0, f"Delta versions {versions}", "marquee data load")


def _event_log(settings: Settings) -> Diagnosis:
    if settings.event_log == "embedded" and not settings.folder("events").exists():
        return Diagnosis("event log", True, "embedded; the first event creates it")
    log = wiring.event_log(settings)
    try:
        log.subscribe("marquee.doctor", "doctor").close()
    finally:
        log.close()
    return Diagnosis("event log", True, settings.event_log, "start Kafka, or unset MARQUEE_EVENT_LOG")


def _feature_store(settings: Settings) -> Diagnosis:
    if not settings.redis_url and not settings.folder("feast").exists():
        return Diagnosis("feature store", False, "no features have been materialised yet", "marquee features materialize")
    store = wiring.features(settings)
    store.read(1)
    if concern := store.concern():
        finding, _, remedy = concern.partition("; ")
        return Diagnosis("feature store", False, finding, remedy, needed=False)
    return Diagnosis("feature store", True, "Redis" if settings.redis_url else "SQLite", "marquee features materialize")


def _release(settings: Settings) -> Diagnosis:
    from recommender.release import open_release

    if settings.tracking_uri.startswith("sqlite") and not settings.folder("mlflow").exists():
        return Diagnosis("release", False, "no release has been built yet", "marquee init, or marquee release build")
    release = open_release(wiring.registry(settings).fetch("production"))
    return Diagnosis("release", True, f"{release.name}, NDCG@10 {release.manifest.metrics.get('ndcg@10', 0):.4f}")


def _milvus(settings: Settings) -> Diagnosis:
    host, _, port = settings.milvus_address.rpartition("//")[2].rpartition(":")
    up = processes.listening(host, int(port))
    return Diagnosis(
        "milvus", up, f"{settings.milvus_address} {'answers' if up else 'does not answer'}", "marquee up", needed=False
    )


def _api(settings: Settings) -> Diagnosis:
    up = processes.answers(f"{settings.base_url}/health/live")
    return Diagnosis("api", up, f"{settings.base_url} {'answers' if up else 'does not answer'}", "marquee up", needed=False)


def _access(settings: Settings) -> Diagnosis:
    if settings.access == "keys":
        made = len(wiring.keys(settings).all())
        usable = bool(made or settings.jwt_keys or settings.admin_key)
        return Diagnosis("access", usable, f"with a key or token; {made} keys", "marquee keys create NAME --scope read")
    alone = settings.api_host in LOOPBACK
    finding = "open to this machine" if alone else f"open to everybody who reaches {settings.api_host}:{settings.api_port}"
    return Diagnosis("access", alone, finding, "set MARQUEE_ACCESS=keys, and see docs/access.md", needed=False)


CHECKS = (_python, _packages, _torch, _home, _disk, _data, _event_log, _feature_store, _release, _milvus, _api, _access)
