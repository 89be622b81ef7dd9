"""The settings: the only place that reads the environment.

Order of precedence: arguments, environment (`MARQUEE_…`), `configs/profiles/<profile>.toml`, the defaults below.
The descriptions are also the table in `docs/reference.md`; see `app/reference.py`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from core.environment import PREFIX, refuse_unknown
from core.errors import InvalidInput

REPOSITORY = Path(__file__).resolve().parents[1]
_OWN = Path(__file__).with_name("configs")  # in a wheel
CONFIGS = Path(os.environ.get("MARQUEE_CONFIGS") or (_OWN if _OWN.is_dir() else REPOSITORY / "configs"))


# everything that Marquee writes lies in one of these under home
FOLDERS = (
    *("lake", "feast", "events", "mlflow", "releases", "milvus", "logs", "run", "train", "watch"),
    *("datasets", "tmdb", "quarantine", "import", "tuning", "evaluation", "ledger", "retrain", "drill", "access", "gorse"),
)


class Settings(BaseSettings):
    """Where things are and how they are reached. Frozen: a process has one for its life."""

    model_config = SettingsConfigDict(env_prefix="MARQUEE_", frozen=True, extra="forbid", populate_by_name=True)

    profile: str = Field("local", description="the profile: configs/profiles/NAME.toml applies; local or compose")
    home: Path = Field(Path("var"), description="folder of everything Marquee writes")
    configs: Path = Field(CONFIGS, description="folder of pipelines, profiles and the like; Marquee's own if unset")
    code_version: str = Field(
        "", description="commit of this code, where there is no checkout to read it from: images are built with it"
    )

    api_host: str = Field("127.0.0.1", description="address that the API binds to")
    api_port: int = Field(8000, ge=1, le=65535, description="port of the API")
    api_url: str = Field("", description="where clients reach the API; derived from host and port if empty")
    mlflow_port: int = Field(5000, ge=1, le=65535, description="port of the MLflow UI that `marquee up` starts")
    milvus_port: int = Field(19530, ge=1, le=65535, description="port of the Milvus Lite that `marquee up` starts")
    metrics_host: str = Field("127.0.0.1", description="address the consumer's and the watchdog's metrics bind to")
    consumer_metrics_port: int = Field(9101, ge=1, le=65535, description="Prometheus port of the consumer")
    watchdog_metrics_port: int = Field(9102, ge=1, le=65535, description="Prometheus port of the watchdog")

    access: Literal["open", "keys"] = Field(
        "open",
        description="open: whoever reaches the API may read and send events; keys: only with an API key or a user's token",
    )
    admin_key: SecretStr | None = Field(None, description="key with every scope (header X-Admin-Key); none if unset")
    keys_file: Path | None = Field(None, description="file of the hashed API keys; access/keys.json under home if unset")
    api_key: SecretStr | None = Field(None, description="API key that Marquee's own commands send to the API")
    rate_limit: int = Field(
        1000, ge=0, description="requests a minute of one user, or of one API key without a limit of its own; 0: no limit"
    )
    jwt_keys: str = Field(
        "", description="address or file of the JSON Web Key Set that signs users' tokens; no tokens are accepted if empty"
    )
    jwt_issuer: str = Field("", description="issuer that a user's token must name")
    jwt_audience: str = Field("", description="audience that a user's token must name")
    jwt_user_claim: str = Field("sub", min_length=1, description="claim of a token that has the user's id")
    cors_origins: str = Field(
        "", description="origins whose pages browsers let call the API, with commas, such as https://films.example; none if empty"
    )
    tls_certificate: Path | None = Field(None, description="file of the certificate chain; the API speaks HTTPS if set")
    tls_key: Path | None = Field(None, description="file of the certificate's private key")
    max_body_bytes: int = Field(1_048_576, ge=1024, description="maximum size of a request body")
    max_batch_events: int = Field(1000, ge=1, le=10_000, description="maximum number of events in one POST /events")
    list_patience: float = Field(
        1.0,
        gt=0,
        le=60,
        description="seconds that a request for a list waits for its turn in an API process before it is refused with 503",
    )

    list_cache_seconds: float = Field(
        10.0,
        ge=0,
        le=3600,
        description="seconds for which a first page that is asked for again is shown again, unless the user or what is served "
        "changed; 0: never",
    )

    event_log: Literal["embedded", "kafka"] = Field("embedded", description="event log: SQLite under home, or Kafka")
    kafka_bootstrap: str = Field("127.0.0.1:9092", description="Kafka bootstrap servers")
    redis_url: str | None = Field(
        None,
        validation_alias=AliasChoices("MARQUEE_REDIS_URL", "REDIS_URL"),
        description="online features on Redis if set, else on SQLite",
    )
    database_url: str | None = Field(None, description="SQLAlchemy URL of the Feast registry; a file if unset")
    milvus_uri: str = Field("", description="Milvus address; the Milvus Lite of `marquee up` if empty")
    milvus_timeout: float = Field(2.0, gt=0, description="seconds before a Milvus call counts as failed")
    vector_search: Literal["auto", "milvus", "mirror"] = Field(
        "auto", description="auto: exact in-process mirror up to mirror_max_items, else Milvus"
    )
    mirror_max_items: int = Field(200_000, ge=0, description="largest catalogue that is mirrored into the process")
    mlflow_tracking_uri: str = Field("", description="MLflow tracking and registry; SQLite under home if empty")
    registered_model: str = Field("marquee", description="name of the model in the MLflow registry")

    datasets_url: str = Field(
        "https://files.grouplens.org/datasets/movielens", description="where `marquee data fetch` finds NAME.zip and NAME.zip.md5"
    )
    tmdb_url: str = Field("https://api.themoviedb.org/3", description="address of the TMDB API")
    tmdb_api_key: SecretStr | None = Field(None, description="TMDB API key or read access token, for `marquee data enrich`")

    pipeline: str = Field("default", description="the pipeline: configs/pipelines/NAME.toml")
    exploration: float = Field(0.05, ge=0, lt=1, description="probability that a position of a list is filled by exploration")
    experiment: str = Field(
        "default", description="the experiment: configs/experiments/NAME.toml has its arms, their shares, releases and pipelines"
    )
    release_interval: float = Field(
        2.0, gt=0, description="seconds between two checks of the registry for a release that was promoted or rolled back"
    )

    domain: str = Field(
        "films", min_length=1, description="what is recommended, in words: configs/domains/NAME.toml, or the path of a .toml file"
    )
    mlflow_url: str = Field(
        "", description="where people find the pages of MLflow; MARQUEE_MLFLOW_TRACKING_URI if empty and an http address"
    )
    grafana_url: str = Field("", description="where people find the dashboards of Grafana; no link if empty")

    gorse_api: str = Field(
        "",
        description="turns on Gorse's REST API under /api: configs/gorse/NAME.toml (default) says what its feedback types mean; "
        "off if empty",
    )

    log_format: Literal["text", "json"] = Field("text", description="logs as text, or as one JSON object a line")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="least important messages that are logged"
    )
    access_log: bool = Field(
        False, description="log each request: method, route without ids, status, milliseconds, address and request_id"
    )
    tracing_endpoint: str = Field(
        "", description="OTLP/HTTP address that traces go to, for example http://127.0.0.1:4318/v1/traces; off if empty"
    )

    clock_skew: float = Field(300.0, ge=0, description="how far an event's time may be ahead of the server's clock, in seconds")
    earliest_event: float = Field(
        631_152_000.0, ge=0, description="earliest event time that is accepted, in Unix seconds (1990-01-01)"
    )
    outbox_max_events: int = Field(
        200_000,
        ge=1,
        description="maximum number of events that the API keeps on disk while Kafka is unavailable; beyond it, 503",
    )

    consumer_batch: int = Field(500, ge=1, description="events applied in one batch while the consumer keeps up")
    consumer_max_batch: int = Field(5000, ge=1, description="maximum number of events in one batch when the consumer is behind")
    consumer_poll: float = Field(
        0.5, gt=0, description="seconds for which the consumer waits for events before it checks its own state"
    )
    lake_flush: float = Field(2.0, ge=0, description="seconds for which events are collected before one append to the lake")
    signals: str = Field(
        "default", description="signal weights: configs/signals/NAME.toml says how strongly each kind of event expresses a taste"
    )
    statistics_interval: float = Field(
        5.0, gt=0, description="seconds between two updates of the item and trending statistics, in the consumer and in the API"
    )

    train_threads: int = Field(
        0,
        ge=0,
        le=1024,
        description="threads that train, tune, evaluate and release build compute with; 0: the cores that this process may use "
        "(affinity, container) and that are free when it begins; more than that is slower",
    )

    mlp_ranker: bool = Field(
        False,
        description="train a multilayer perceptron beside LambdaMART when a release is built; whichever orders held-out events "
        "best orders its lists",
    )

    learn: bool = Field(True, description="let item vectors learn from the stream between two releases (online learning)")
    learn_interval: float = Field(
        1.0, gt=0, description="seconds between two versions of the learned vectors, and between two checks for a new one"
    )

    watch_interval: float = Field(60.0, gt=0, description="seconds between watchdog checks")
    watch_window: int = Field(
        2000, ge=200, description="how many of the latest interactions are compared with the reference sample"
    )
    drift_level: float = Field(
        0.01, gt=0, lt=1, description="probability that a window without any change counts as drifted, over all watched features"
    )
    drift_min_effect: float = Field(
        0.2, gt=0, lt=1, description="Kolmogorov-Smirnov distance between users' means from which a feature can count as drifted"
    )
    drift_min_users: int = Field(10, ge=2, description="users that a feature needs in the window and in the reference sample")
    drift_share: float = Field(
        0.5, gt=0, le=1, description="share of distant features from which a release without users in its reference has drifted"
    )
    drifted_windows: int = Field(2, ge=1, description="windows that must have drifted, of the last MARQUEE_DRIFT_OF_WINDOWS")
    drift_of_windows: int = Field(3, ge=1, description="latest windows among which drifted ones are counted")
    retrain: bool = Field(
        True,
        validation_alias=AliasChoices("MARQUEE_RETRAIN", "MARQUEE_RETRAIN_ON_DRIFT"),
        description="let the watchdog start retrainings; false stops manual ones too",
    )
    retrain_cooldown: float = Field(
        3600.0, ge=0, description="seconds from the end of a retraining to the start of the next; doubles with each failure"
    )
    retrain_max_cooldown: float = Field(86_400.0, ge=0, description="seconds up to which failures double the cool-down")
    retrain_max_per_day: int = Field(4, ge=1, le=100, description="maximum number of retrainings in 24 hours")
    retrain_quiet_hours: str = Field("", description="HH:MM-HH:MM in which none starts by itself, such as 22:00-06:00")
    retrain_time_zone: str = Field("UTC", description="time zone of the quiet hours, such as Europe/Berlin")
    retrain_every_hours: float = Field(0.0, ge=0, description="hours between retrainings by schedule; 0: no schedule")
    retrain_new_share: float = Field(
        0.2, ge=0, lt=1, description="share of events that the release has not seen from which one starts; 0: never for that"
    )
    min_accuracy: float = Field(
        0.8,
        ge=0,
        le=1,
        description="pairwise accuracy of served scores below which a retraining starts, once for a release; 0: never for that",
    )
    min_acceptance: float = Field(
        0.5,
        ge=0,
        le=1,
        description="acceptance of users' days below which a retraining starts, once for a release; 0: never for that",
    )
    attribution_hours: float = Field(
        24.0, gt=0, description="hours after a list within which an answer to it counts as its acceptance"
    )
    canary_steps: str = Field(
        "1,5,25,50,100",
        description="percent of the users that get a new release, step by step; 100 makes it production; empty: at once, without "
        "shadow and canary",
    )
    canary_min_users: int = Field(100, ge=2, description="users of the canary that a step waits for, within its hours")
    canary_step_minutes: float = Field(30.0, ge=0, description="minutes that a step of the canary takes at least")
    canary_step_hours: float = Field(24.0, gt=0, description="hours after which a step is over if nothing speaks against it")
    shadow_share: float = Field(0.1, ge=0, le=1, description="share of the requests that a release in shadow makes a list for")
    shadow_lists: int = Field(200, ge=0, description="lists that a release makes in shadow before its canary; 0: no shadow")
    max_slowdown: float = Field(1.5, gt=1, description="how many times as long a list of a new release may take")
    probation_hours: float = Field(72.0, ge=0, description="hours in which a new production release may be rolled back by itself")
    holdback_share: float = Field(
        0.05, ge=0, le=0.5, description="share of the users that stay on the previous release in probation, to compare with"
    )
    retrain_cores: int = Field(0, ge=0, le=1024, description="cores that a retraining may use; 0: all but one")
    retrain_max_memory: float = Field(
        0.0, ge=0, description="GiB of memory above which a retraining is ended; 0: four fifths of what is free when it starts"
    )
    retrain_max_hours: float = Field(6.0, gt=0, description="hours after which a retraining is ended")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic passes it by name
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        refuse_unknown(os.environ.items(), variables())
        profile = init_settings().get("profile") or os.environ.get("MARQUEE_PROFILE", "local")
        known = {path.stem: path for path in sorted((CONFIGS / "profiles").glob("*.toml"))}
        if profile not in known:
            raise InvalidInput("MARQUEE_PROFILE", profile, ", ".join(known))
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, known[profile])

    @property
    def base_url(self) -> str:
        scheme = "http" if self.tls_certificate is None else "https"
        return self.api_url or f"{scheme}://{self.api_host}:{self.api_port}"

    @property
    def milvus_address(self) -> str:
        return self.milvus_uri or f"http://127.0.0.1:{self.milvus_port}"

    @property
    def tracking_uri(self) -> str:
        return self.mlflow_tracking_uri or f"sqlite:///{self.home.resolve() / 'mlflow' / 'mlflow.db'}"

    @property
    def origins(self) -> list[str]:
        """Other origins whose pages may call the API."""
        return [origin.strip() for origin in self.cors_origins.split(",") if origin.strip()]

    def folder(self, name: str) -> Path:
        """One of FOLDERS under home, not created here."""
        if name not in FOLDERS:  # or `marquee data erase` would leave it
            raise ValueError(f"{name} is not in FOLDERS")
        return self.home.resolve() / name


def variables() -> frozenset[str]:
    """The names of the environment variables that are settings, upper case."""
    aliases = (field.validation_alias for field in Settings.model_fields.values())
    others = (str(name) for alias in aliases if isinstance(alias, AliasChoices) for name in alias.choices)
    return frozenset((*(f"{PREFIX}{name}".upper() for name in Settings.model_fields), *others))
