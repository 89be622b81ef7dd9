"""Grafana's dashboards as code: `python deploy/grafana/dashboards.py` writes the JSON files that Grafana is provisioned with.

A panel is a title, a unit, a sentence about what to see in it, and its queries with their legends. The layout follows.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).with_name("dashboards")
SOURCE = {"type": "prometheus", "uid": "marquee-prometheus"}
_WIDTH, _HEIGHT, _COLUMNS = 8, 8, 3


@dataclass(frozen=True)
class Panel:
    """One chart. `queries`: legend -> PromQL."""

    title: str
    unit: str
    description: str
    queries: Mapping[str, str]
    kind: str = "timeseries"


def rate(metric: str, by: str = "", where: str = "") -> str:
    """Per second, summed."""
    return f"sum{f' by ({by})' if by else ''} (rate({metric}{where}[$__rate_interval]))"


def quantile(q: float, metric: str, by: str = "", where: str = "") -> str:
    """Of a histogram."""
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({q}, sum by ({labels}) (rate({metric}_bucket{where}[$__rate_interval])))"


def ratio(part: str, whole: str) -> str:
    """Of two rates; 0 where nothing happened, so that a quiet system has a line and not a gap."""
    return f"{part} / clamp_min({whole}, 1e-9)"


def or_zero(query: str) -> str:
    """For a counter whose series begin with the first failure."""
    return f"({query} or vector(0))"


def quantiles(metric: str, where: str = "") -> dict[str, str]:
    return {f"p{round(100 * q)}": quantile(q, metric, where=where) for q in (0.5, 0.95, 0.99)}


LISTS = '{route=~"/recommend.*"}'
ACCEPTED, REQUESTS = rate("marquee_events_accepted_total"), rate("marquee_requests_total")
MADE, POSITIONS = rate("marquee_lists_total"), rate("marquee_positions_total")
PROCESSES = 'up{job=~"api|consumer|watchdog"}'
COLD = Panel(
    "Cold starts", "percentunit", "Share of lists for users of whom the release can read nothing",
    {"cold": ratio(rate("marquee_cold_start_lists_total"), MADE)},
)  # fmt: skip
ACCEPTANCE = Panel(
    "Acceptance", "percentunit", "Share of lists and of users' days with an accepted item: by the consumer, by the watchdog",
    {
        "stream {{unit}}": "max by (unit) (marquee_stream_acceptance_rate)",
        "watchdog {{unit}}": "max by (unit) (marquee_acceptance_rate)",
    },
)  # fmt: skip
EXPLORATION = Panel(
    "Exploration", "percentunit", "Share of positions that were filled by exploration",
    {"explored": ratio(rate("marquee_positions_total", where='{explored="yes"}'), POSITIONS)},
)  # fmt: skip
RELEASE = Panel(
    "Release served", "none", "By the API's processes", {"{{release}}": "max by (release) (marquee_release_info == 1)"}, "stat"
)
CANARY = Panel(
    "Canary",
    "percentunit",
    "Share of users that the canary serves; 0 without one",
    {"users": "max(marquee_canary_share)"},
    "stat",
)

ROLLOUT = Panel(
    "On the way in", "none", "1 for the stages that a release is in: shadow, canary, probation",
    {"{{stage}}": "max by (stage) (marquee_rollout_stage)"}, "stat"
)  # fmt: skip
NEW_RELEASE = Panel(
    "Lists of a release that is let in", "ops", "In shadow, and those that it could not make, which production made",
    {"shadow": or_zero(rate("marquee_shadow_lists_total")), "failed": or_zero(rate("marquee_release_failures_total"))},
)  # fmt: skip

DASHBOARDS: dict[str, tuple[str, Sequence[Panel]]] = {
    "service": (
        "Service",
        (
            Panel("Processes", "none", "1: it answers", {"{{job}}": PROCESSES}, "stat"),
            Panel("Dependencies", "none", "1: it answered its last probe",
                  {"{{dependency}}": "min by (dependency) (marquee_dependency_up)"}, "stat"),
            RELEASE,
            Panel("Requests by route", "reqps", "Rate", {"{{route}}": rate("marquee_requests_total", "route")}),
            Panel("Requests by status", "reqps", "Errors", {"{{status}}": rate("marquee_requests_total", "status")}),
            Panel("Share of server errors", "percentunit", "The alert RequestsFail fires above 1 %",
                  {"5xx": ratio(or_zero(rate("marquee_requests_total", where='{status=~"5.."}')), REQUESTS)}),
            Panel("Time to a list", "s", "Duration", quantiles("marquee_request_seconds", LISTS)),
            Panel("Time by route (p99)", "s", "Duration", {"{{route}}": quantile(0.99, "marquee_request_seconds", "route")}),
            Panel("Time of pipeline parts (p99)", "s", "Where a list's time goes",
                  {"{{stage}} {{part}}": quantile(0.99, "marquee_stage_seconds", "stage, part")}),
            Panel("Calls of pipeline parts", "ops", "Rate",
                  {"{{stage}} {{part}}": rate("marquee_stage_seconds_count", "stage, part")}),
            Panel("Unavailable pipeline parts", "ops", "The list is made without them",
                  {"{{stage}} {{part}}": rate("marquee_stage_errors_total", "stage, part")}),
            Panel("Lists by strategy", "ops", "What people really get; see the runbook",
                  {"{{strategy}}": rate("marquee_lists_total", "strategy")}),
            Panel("Memory", "bytes", "Resident, by process", {"{{job}}": "max by (job) (process_resident_memory_bytes)"}),
            Panel("Cores used", "none", "By process",
                  {"{{job}}": "max by (job) (rate(process_cpu_seconds_total[$__rate_interval]))"}),
            Panel("Outbox", "none", "Events on the API's disk that wait for Kafka, and the age of the oldest (s)",
                  {"events": "max(marquee_outbox_events)", "age": "max(marquee_outbox_age_seconds)"}),
        ),
    ),
    "streaming": (
        "Streaming",
        (
            Panel("Events in and applied", "ops", "Applied follows accepted within seconds",
                  {"accepted": ACCEPTED, "applied": rate("marquee_events_applied_total"),
                   "duplicate": rate("marquee_events_duplicate_total")}),
            Panel("Accepted by kind", "ops", "`mixed`: of batches that were partly new",
                  {"{{kind}}": rate("marquee_events_accepted_total", "kind")}),
            Panel("Quarantined by reason", "ops", "`marquee deadletter list` shows them",
                  {"{{reason}}": rate("marquee_events_quarantined_total", "reason")}),
            Panel("Freshness", "s", "From an event's acceptance to its effect in the online features",
                  quantiles("marquee_freshness_seconds")),
            Panel("Age of what is served", "s", "Since the latest event applied, the latest count, the latest learned vectors",
                  {"{{what}}": "time() - max by (what) (marquee_served_timestamp_seconds)"}),
            Panel("Lag", "none", "Records that wait for a consumer group",
                  {"{{group}}": "max by (group) (marquee_consumer_backlog)"}),
            Panel("Batch limit", "none", "Grows with the lag", {"{{group}}": "max by (group) (marquee_consumer_batch_limit)"}),
            Panel("Rows into the lake", "ops", "By table", {"{{table}}": rate("marquee_lake_rows_total", "table")}),
            Panel("Failures behind the answer", "ops", "Background threads that started again; records that the log refuses",
                  {"thread": or_zero(rate("marquee_background_failures_total")),
                   "record": or_zero(rate("marquee_records_quarantined_total"))}),
        ),
    ),
    "model": (
        "Model quality",
        (
            ACCEPTANCE,
            Panel("Drift", "percentunit", "Share of watched features far from the reference; users' means decide (runbook)",
                  {"drifted": "max(marquee_drift_share)"}),
            Panel("Distance by feature", "none", "From the training-time reference; drift from 0.3 on",
                  {"{{feature}}": "max by (feature) (marquee_drift_distance)"}),
            Panel("Model age", "s", "Since the latest event that the release learned from",
                  {"{{alias}}": "time() - max by (alias) (marquee_model_trained_until_seconds)"}),
            Panel("Lift of online learning", "none", "NDCG@10 of the learned vectors minus that of the release",
                  {"lift": "max(marquee_learned_lift)"}),
            Panel("Online learning", "ops", "Examples, events shed under load, rollbacks",
                  {"examples": rate("marquee_learned_examples_total"),
                   "shed": or_zero(rate("marquee_events_shed_total", where='{group="learner"}')),
                   "rollbacks": rate("marquee_learned_rollbacks_total")}),
            Panel("Version of the item vectors", "none", "Served follows learned",
                  {"learned": "max(marquee_learned_version)", "served": "max(marquee_served_version)"}),
            COLD,
            EXPLORATION,
        ),
    ),
    "lifecycle": (
        "Lifecycle",
        (
            RELEASE,
            CANARY,
            ROLLOUT,
            NEW_RELEASE,
            Panel("Model age", "s", "Since the latest event that the release learned from",
                  {"{{alias}}": "time() - max by (alias) (marquee_model_trained_until_seconds)"}, "stat"),
            Panel("Watchdog checks by verdict", "none", "An hour's; `cannot tell`: too few events, or data it could not read",
                  {"{{verdict}}": "sum by (verdict) (increase(marquee_watch_checks_total[1h]))"}),
            Panel("Decisions", "none", "A day's", {"{{decision}}": "sum by (decision) (increase(marquee_decisions_total[1d]))"}),
            Panel("Swaps of releases", "none", "A day's; `refused`: an alias points at a release that cannot be served",
                  {"{{outcome}}": "sum by (outcome) (increase(marquee_release_swaps_total[1d]))"}),
        ),
    ),
    "experiments": (
        "Experiments",
        (
            Panel("Policy by arm", "none", "In use now",
                  {"{{arm}}: {{policy}}": "max by (arm, policy) (marquee_policy_info)"}, "stat"),
            CANARY,
            Panel("Lists by arm", "ops", "Their shares are those of the experiment",
                  {"{{arm}}": rate("marquee_list_seconds_count", "arm")}),
            Panel("Time to make a list by arm (p99)", "s", "A guardrail",
                  {"{{arm}}": quantile(0.99, "marquee_list_seconds", "arm")}),
            EXPLORATION,
            ACCEPTANCE,
            Panel("Lift of the bandit", "none", "Accepted items per list minus those of the release's order; rolled back below 0",
                  {"lift": "max(marquee_bandit_lift)",
                   "rollbacks of a day": "sum(increase(marquee_bandit_rollbacks_total[1d]))"}),
            Panel("What the bandit has learned", "none", "Versions of its posterior; a flat line: no lists of it were answered",
                  {"version": "max(marquee_bandit_version)"}),
        ),
    ),
    "business": (
        "Business",
        (
            Panel("Lists", "ops", "What people asked for", {"lists": MADE}),
            Panel("Positions shown", "ops", "Items on those lists", {"positions": POSITIONS}),
            Panel("What people do", "ops", "Events by kind", {"{{kind}}": rate("marquee_events_accepted_total", "kind")}),
            Panel("Events per list", "none", "How much a list leads to", {"events": ratio(ACCEPTED, MADE)}),
            ACCEPTANCE,
            COLD,
            Panel("Personal lists", "percentunit", "Share of lists that are not merely what is popular",
                  {"personal": ratio(rate("marquee_lists_total", where='{strategy!~"popular.*|nothing_eligible"}'), MADE)}),
        ),
    ),
}  # fmt: skip


def rendered(name: str) -> str:
    """The JSON file of one dashboard."""
    title, panels = DASHBOARDS[name]
    dashboard: dict[str, Any] = {
        "uid": f"marquee-{name}",
        "title": f"Marquee: {title}",
        "tags": ["marquee"],
        "timezone": "browser",
        "schemaVersion": 39,
        "editable": False,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "links": [{"type": "dashboards", "tags": ["marquee"], "title": "Marquee", "asDropdown": True}],
        "panels": [_panel(at, panel) for at, panel in enumerate(panels)],
    }
    return json.dumps(dashboard, indent=1) + "\n"


def _panel(at: int, panel: Panel) -> dict[str, Any]:
    row, column = divmod(at, _COLUMNS)
    return {
        "id": at + 1,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.description,
        "datasource": SOURCE,
        "gridPos": {"h": _HEIGHT, "w": _WIDTH, "x": column * _WIDTH, "y": row * _HEIGHT},
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": None if panel.unit == "none" else 0}, "overrides": []},
        "options": {}
        if panel.kind == "timeseries"
        else {"textMode": "value_and_name", "reduceOptions": {"calcs": ["lastNotNull"]}},
        "targets": [
            {"refId": chr(65 + n), "datasource": SOURCE, "expr": expr, "legendFormat": legend}
            for n, (legend, expr) in enumerate(panel.queries.items())
        ],
    }


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name in DASHBOARDS:
        (FOLDER / f"{name}.json").write_text(rendered(name))
