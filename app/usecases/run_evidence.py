"""What a person finds on a release's run in MLflow: charts, tables, curves, model card, and the gate's report."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from app import wiring
from core.bundle import MODEL_CARD, Manifest
from core.errors import BundleCorrupt, DependencyUnavailable, NotFound
from core.settings import Settings
from lifecycle.gates import GateResult

_log = logging.getLogger(__name__)


def log_run(settings: Settings, folder: Path, manifest: Manifest, why: Mapping[str, object], evidence: Sequence[Path]) -> None:
    """Log a bundle's run. Its parameters are the configuration, the versions of code and data, and `why`; `evidence` are more
    files. Raises DependencyUnavailable."""
    from lifecycle import charts, run_page
    from lifecycle.figures import read_figures

    figures = read_figures(folder)
    data = {f"data_version.{table}": number for table, number in manifest.data_version.items()}
    made = {"code_version": manifest.code_version, "n_events": manifest.n_events, **data}
    metrics = {**manifest.metrics, **(run_page.metrics_of(figures) if figures else {})}
    with TemporaryDirectory() as scratch:
        files = charts.draw(Path(scratch), manifest, figures)
        if figures is not None and figures.models:
            files.append(Path(scratch) / run_page.MODELS_PAGE)
            files[-1].write_text(run_page.models_page(manifest, figures))
        wiring.tracker(settings).log(
            manifest.release,
            {**manifest.config, **made, **why},
            metrics,
            [folder / MODEL_CARD, *files, *evidence],
            figures.curves if figures else None,
            run_page.note(manifest, figures),
        )


def log_verdict(settings: Settings, folder: Path, manifest: Manifest, verdict: GateResult, production: Manifest | None) -> None:
    """Put the gate's report and the model card on the release's run. It decides nothing: a failure costs a warning."""
    from lifecycle import run_page
    from lifecycle.figures import read_figures

    now = time.time()
    line = run_page.verdict_line(verdict, production, now)
    try:
        with TemporaryDirectory() as scratch:
            page = Path(scratch) / run_page.GATE_PAGE
            page.write_text(run_page.gate_page(manifest, verdict, production, now))
            files = [page, *(path for path in (folder / MODEL_CARD,) if path.is_file())]
            tags = {"gate": "passed" if verdict.passed else "failed"}
            text = run_page.note(manifest, read_figures(folder), line)
            wiring.tracker(settings).attach(manifest.release, files, tags, text)
    except (DependencyUnavailable, NotFound, BundleCorrupt, OSError) as error:
        _log.warning("the run of release %s does not have the gate's report: %s", manifest.release, error)
