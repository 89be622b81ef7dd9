"""The metric instruments that every process uses. Declared once, so that dashboards and docs have one list to agree with.

Every name starts with `marquee_`. The help texts are also the table in `docs/reference.md`; see `app/reference.py`.
"""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

_FAST = (0.001, 0.002, 0.004, 0.006, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.5, 5.0)

REQUESTS = Counter("marquee_requests_total", "HTTP requests by route and status", ["route", "status"])
REQUEST_SECONDS = Histogram("marquee_request_seconds", "Time to answer an HTTP request", ["route"], buckets=_FAST)
RATES_LOCAL = Counter(
    "marquee_rates_local_total", "Requests counted for the rate limit in this process, because Redis did not answer"
)
WRONG_KEYS = Counter(
    "marquee_wrong_keys_total",
    "Requests with a wrong key: refused, or limited (429) because their address had sent too many",
    ["outcome"],
)
CONNECTIONS_CLOSED = Counter(
    "marquee_connections_closed_total",
    "Connections whose request did not arrive in time (408) or had too long a head (431)",
    ["status"],
)
STAGE_SECONDS = Histogram("marquee_stage_seconds", "Time one pipeline part took", ["stage", "part"], buckets=_FAST)
STAGE_ERRORS = Counter("marquee_stage_errors_total", "Times that a pipeline part was unavailable", ["stage", "part"])
LISTS = Counter("marquee_lists_total", "Recommendation lists by strategy", ["strategy"])
LISTS_REFUSED = Counter("marquee_lists_refused_total", "Requests for a list that were refused because too many others waited")
LIST_CACHE = Counter("marquee_list_cache_total", "First pages that were looked for among those of a moment ago", ["outcome"])
LIST_CACHE_AGE = Histogram(
    "marquee_list_cache_age_seconds",
    "Age of a list that was shown again",
    buckets=(0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 600.0),
)
LIST_SECONDS = Histogram("marquee_list_seconds", "Time to make a list, by arm of the experiment", ["arm"], buckets=_FAST)
COLD_STARTS = Counter("marquee_cold_start_lists_total", "Lists for users of whom the release can read nothing")
POSITIONS = Counter("marquee_positions_total", "Positions of lists that were filled, by exploration or not", ["explored"])
EVENTS_ACCEPTED = Counter(
    "marquee_events_accepted_total", "Events made durable; kind `mixed` when a batch was only partly new", ["kind"]
)
EVENTS_DUPLICATE = Counter("marquee_events_duplicate_total", "Events whose event_id was known already")
EVENTS_QUARANTINED = Counter("marquee_events_quarantined_total", "Events sent to the dead-letter topic", ["reason"])
EVENTS_APPLIED = Counter("marquee_events_applied_total", "Events whose effects are in the online features", ["kind"])
EVENTS_FORGOTTEN = Counter(
    "marquee_events_forgotten_total", "Late events of erased users, counted by each loop of the consumer that left one out"
)
FRESHNESS_SECONDS = Histogram(
    "marquee_freshness_seconds",
    "From an event's acceptance to its effect in the online features",
    buckets=(*_FAST, 10.0, 30.0, 60.0, 300.0, 1800.0),
)
CONSUMER_LAG = Gauge("marquee_consumer_backlog", "Records that wait for a consumer group: its lag", ["group"])
CONSUMER_BATCH = Gauge(
    "marquee_consumer_batch_limit", "Maximum batch size of a consumer group now; grows with the backlog", ["group"]
)
EVENTS_SHED = Counter(
    "marquee_events_shed_total", "Events skipped under overload, the least valuable kinds first", ["group", "kind"]
)
OUTBOX_EVENTS = Gauge("marquee_outbox_events", "Events that the API keeps on disk until the event log answers again")
OUTBOX_AGE = Gauge("marquee_outbox_age_seconds", "Age of the oldest event in the API's outbox")
LAKE_ROWS = Counter("marquee_lake_rows_total", "Rows appended to the lake", ["table"])
DEPENDENCY_UP = Gauge("marquee_dependency_up", "1 if the dependency answered its last probe", ["dependency"])
RELEASE_INFO = Gauge("marquee_release_info", "1 for the release that is being served", ["release"])
RELEASE_SWAPS = Counter(
    "marquee_release_swaps_total",
    "Releases that an alias was moved to while it was served, by outcome: served or refused",
    ["outcome"],
)
POLICY_INFO = Gauge("marquee_policy_info", "1 for the policy that an arm of the experiment uses", ["arm", "policy"])
SERVED_TIMESTAMP = Gauge(
    "marquee_served_timestamp_seconds",
    "Unix time up to which what is served is known: features (latest event applied, by the consumer), statistics, item_vectors",
    ["what"],
)
MODEL_TRAINED_UNTIL = Gauge(
    "marquee_model_trained_until_seconds",
    "Unix time of the latest event that the release behind an alias learned from",
    ["alias"],
)
RELEASE_FAILURES = Counter(
    "marquee_release_failures_total", "Lists that the release of an arm could not make, and the production release did", ["arm"]
)
SHADOW_LISTS = Counter("marquee_shadow_lists_total", "Lists of a release in shadow: made, failed or skipped", ["outcome"])
CANARY_SHARE = Gauge("marquee_canary_share", "Share of users that the canary release serves; 0 when there is none")
ROLLOUT_STAGE = Gauge(
    "marquee_rollout_stage", "1 for the stages that a release on its way in is in: shadow, canary, probation", ["stage"]
)
DECISIONS = Counter("marquee_decisions_total", "Decisions on the life of a release, by what was decided", ["decision"])
for _outcome in ("served", "refused"):
    RELEASE_SWAPS.labels(_outcome)
for _stage in ("shadow", "canary", "probation"):
    ROLLOUT_STAGE.labels(_stage)
for _decision in ("retrain", "promote", "refuse", "canary", "rollback"):
    DECISIONS.labels(_decision)  # exists from the start: a rate is 0, and not missing, before the first one
DRIFT_SHARE = Gauge("marquee_drift_share", "Share of watched features far from the reference at the last check")
DRIFT_DISTANCE = Gauge("marquee_drift_distance", "Distance of a feature from its training-time reference", ["feature"])
ACCEPTANCE_RATE = Gauge(
    "marquee_acceptance_rate",
    "Share of recent lists, and of users' days, on which an item of a list was accepted; computed by the watchdog",
    ["unit"],
)
STREAM_ACCEPTANCE = Gauge(
    "marquee_stream_acceptance_rate",
    "Share of the latest lists, and of users' days, on which an item of a list was accepted; computed by the consumer",
    ["unit"],
)
REWARD_RATIO = Gauge(
    "marquee_reward_ratio", "A rate of the release's latest lists as a share of that of its first ones; by the watchdog", ["rate"]
)
PAIRWISE_ACCURACY = Gauge(
    "marquee_pairwise_accuracy",
    "How often, in a list, an item that was accepted had a higher score than one that was not; by the watchdog",
)
WATCH_CHECKS = Counter("marquee_watch_checks_total", "Watchdog checks by verdict", ["verdict"])
LEARNED_VERSION = Gauge("marquee_learned_version", "Version of the item vectors that the consumer learned on top of its release")
SERVED_VERSION = Gauge(
    "marquee_served_version", "Version of the learned item vectors that the API serves; 0 is the release itself"
)
LEARNED_EXAMPLES = Counter("marquee_learned_examples_total", "Events that online learning made an update from")
LEARNED_LIFT = Gauge(
    "marquee_learned_lift",
    "NDCG@10 of the learned vectors minus that of the frozen release, on up to 2,000 of the latest examples",
)
LEARNED_ROLLBACKS = Counter(
    "marquee_learned_rollbacks_total", "Times that learned vectors were rolled back because they were worse than the release"
)
BACKGROUND_FAILURES = Counter(
    "marquee_background_failures_total", "Times a background thread failed unexpectedly and was started again", ["thread"]
)
RECORDS_QUARANTINED = Counter(
    "marquee_records_quarantined_total", "Records quarantined because the event log failed on them every time", ["topic"]
)
BANDIT_VERSION = Gauge("marquee_bandit_version", "Version of the contextual bandit's posterior; 0 before it has learned")
BANDIT_LIFT = Gauge(
    "marquee_bandit_lift",
    "Accepted items per list of the bandit minus those of the release's order, estimated from up to 2,000 of its latest lists",
)
BANDIT_ROLLBACKS = Counter(
    "marquee_bandit_rollbacks_total", "Times that the bandit went back to the release's order because it was worse"
)
