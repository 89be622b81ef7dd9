"""docker-compose.yml, the Dockerfile, Prometheus and Grafana agree with the settings, the command line and the metrics."""

from __future__ import annotations

import json
import re
import runpy
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import prometheus_client
import pytest
import typer
import yaml

from core import telemetry
from core.settings import Settings
from monitoring.watch import Verdict

ROOT = Path(__file__).resolve().parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
PROMETHEUS = ROOT / "deploy" / "prometheus"
GRAFANA = ROOT / "deploy" / "grafana"
DASHBOARDS = sorted((GRAFANA / "dashboards").glob("*.json"))
OWN = [name for name, service in SERVICES.items() if "build" in service]
MARQUEE = [name for name in OWN if "entrypoint" not in SERVICES[name]]  # those that run the `marquee` command
ONE_SHOT = "init"

REQUIRED = {
    *("kafka", "redis", "milvus", "etcd", "minio", "postgres", "mlflow"),
    *("api", "consumer", "watchdog", "prometheus", "alertmanager", "grafana"),
}


def default(setting: str) -> Any:
    return Settings.model_fields[setting].default


def texts(value: object) -> Iterator[str]:
    """Every string of a parsed YAML value."""
    if isinstance(value, dict):
        for part in value.values():
            yield from texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from texts(part)
    else:
        yield str(value)


# --- the services --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def commands() -> dict[str, Any]:
    """Name -> command of the `marquee` command line."""
    from app.cli import app

    return typer.main.get_command(app).commands  # type: ignore[attr-defined,no-any-return]


def test_every_part_of_the_production_profile_is_there() -> None:
    assert set(SERVICES) >= REQUIRED


@pytest.mark.parametrize("name", SERVICES)
def test_images_are_pinned(name: str) -> None:
    image, _, tag = SERVICES[name]["image"].partition(":")
    assert re.search(r"\d+[.\-]\d+", tag), f"{image} needs a full version, not {tag!r}"
    assert "latest" not in tag


def test_base_images_are_pinned_and_the_image_does_not_run_as_root() -> None:
    bases = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert len(bases) == 2
    assert all(re.fullmatch(r"python:3\.11\.\d+-slim-\w+", base) for base in bases)
    user = re.findall(r"^USER (\S+)", DOCKERFILE, re.MULTILINE)
    assert user == ["marquee"]
    assert DOCKERFILE.index("USER ") < DOCKERFILE.index("ENTRYPOINT")


@pytest.mark.parametrize("name", sorted(set(SERVICES) - {ONE_SHOT}))
def test_every_service_has_a_health_check(name: str) -> None:
    check = SERVICES[name]["healthcheck"]
    assert check["test"][0] in {"CMD", "CMD-SHELL"}
    assert {"interval", "timeout", "retries"} <= set(check)


@pytest.mark.parametrize("name", sorted(set(SERVICES) - {ONE_SHOT}))
def test_every_long_running_service_comes_back(name: str) -> None:
    assert SERVICES[name]["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", SERVICES)
def test_dependencies_exist_and_are_waited_for(name: str) -> None:
    for other, condition in SERVICES[name].get("depends_on", {}).items():
        assert other in SERVICES
        wanted = "service_completed_successfully" if other == ONE_SHOT else "service_healthy"
        assert condition == {"condition": wanted}


@pytest.mark.parametrize("name", SERVICES)
def test_ports_are_published_on_loopback_only(name: str) -> None:
    for port in SERVICES[name].get("ports", []):
        assert re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port)


@pytest.mark.parametrize("name", SERVICES)
def test_volumes_are_declared_and_mounted_files_exist(name: str) -> None:
    for mount in SERVICES[name].get("volumes", []):
        source = mount.split(":")[0]
        if source.startswith("."):
            assert (ROOT / source).exists()
            assert mount.endswith(":ro")
        else:
            assert source in COMPOSE["volumes"]


@pytest.mark.parametrize("name", ["kafka", "redis", "postgres", "etcd", "minio", "milvus", "mlflow", "prometheus", "grafana"])
def test_what_must_survive_a_restart_is_on_a_named_volume(name: str) -> None:
    assert any(mount.split(":")[0] in COMPOSE["volumes"] for mount in SERVICES[name]["volumes"])


# --- secrets -------------------------------------------------------------------------------------------------------------


OPTIONAL = {"MARQUEE_MLFLOW_URL", "MARQUEE_GRAFANA_URL", "PIP_EXTRA_INDEX_URL", "CODE_VERSION", "MARQUEE_ACCESS"}


def test_secrets_come_from_the_environment_and_have_no_default() -> None:
    for text in texts(SERVICES):
        for variable, rest in re.findall(r"(?<!\$)\$\{(\w+)([^}]*)\}", text):
            assert rest.startswith(":?") or variable in OPTIONAL, f"{variable} may not have a default"
    for service in SERVICES.values():
        for key, value in service.get("environment", {}).items():
            if re.search(r"PASSWORD|SECRET|ADMIN_KEY|ACCESS_KEY|ROOT_USER", key):
                assert value.startswith("${"), f"{key} is written out"


def test_the_example_environment_names_exactly_the_required_secrets() -> None:
    wanted = {variable for text in texts(SERVICES) for variable in re.findall(r"\$\{(\w+):\?", text)}
    wanted |= {secret["environment"] for secret in COMPOSE["secrets"].values()}
    example = (ROOT / "deploy" / "compose.env.example").read_text()
    assert set(re.findall(r"^(\w+)=$", example, re.MULTILINE)) == wanted


# --- limits ----------------------------------------------------------------------------------------------------------------


def size(text: str) -> int:
    """`1536m`, `8g`, `1gb` in bytes."""
    number, unit = re.fullmatch(r"(\d+)([mg])b?", text).groups()  # type: ignore[union-attr]
    return int(number) * (1 << {"m": 20, "g": 30}[unit])


@pytest.mark.parametrize("name", SERVICES)
def test_no_service_can_take_all_memory(name: str) -> None:
    assert size(SERVICES[name]["mem_limit"]) >= 1 << 27


def test_redis_refuses_writes_before_its_limit_kills_it_and_never_drops_users() -> None:
    command = SERVICES["redis"]["command"][-1]
    assert "--maxmemory-policy noeviction" in command
    most = re.search(r"--maxmemory (\w+)", command)
    assert most is not None
    assert size(most[1]) <= 0.75 * size(SERVICES["redis"]["mem_limit"])


# --- settings, ports and commands --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", OWN)
def test_settings_exist_and_are_accepted(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = {
        key: re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", str(value))  # the default
        for key, value in SERVICES[name]["environment"].items()
        if key.startswith("MARQUEE_")
    }
    for variable, value in environment.items():
        assert variable.removeprefix("MARQUEE_").lower() in Settings.model_fields
        monkeypatch.setenv(variable, value)
    if environment:
        assert Settings().profile == "compose"


def test_addresses_in_the_settings_are_services() -> None:
    for value in SERVICES["api"]["environment"].values():
        for host in re.findall(r"(?://|@)([a-z]+):\d+", value) + re.findall(r"^([a-z]+):\d+$", value):
            assert host in SERVICES


def test_ports_agree_with_the_settings() -> None:
    environment = SERVICES["api"]["environment"]
    assert SERVICES["api"]["ports"] == [f"127.0.0.1:{default('api_port')}:{default('api_port')}"]
    assert SERVICES["mlflow"]["ports"] == [f"127.0.0.1:{default('mlflow_port')}:{default('mlflow_port')}"]
    assert f"--port={default('mlflow_port')}" in SERVICES["mlflow"]["command"]
    assert environment["MARQUEE_MLFLOW_TRACKING_URI"] == f"http://mlflow:{default('mlflow_port')}"
    assert environment["MARQUEE_MILVUS_URI"] == f"http://milvus:{default('milvus_port')}"
    assert f"EXPOSE {default('api_port')}" in DOCKERFILE
    for service, setting in (
        ("api", "api_port"),
        ("consumer", "consumer_metrics_port"),
        ("watchdog", "watchdog_metrics_port"),
        ("mlflow", "mlflow_port"),
    ):
        assert f"http://127.0.0.1:{default(setting)}/" in " ".join(SERVICES[service]["healthcheck"]["test"])


def test_mlflow_answers_to_the_names_it_is_called_by() -> None:
    allowed = next(flag for flag in SERVICES["mlflow"]["command"] if flag.startswith("--allowed-hosts="))
    host = SERVICES["api"]["environment"]["MARQUEE_MLFLOW_TRACKING_URI"].removeprefix("http://")
    published = SERVICES["mlflow"]["ports"][0].rsplit(":", 1)[0]
    assert {host, published} <= set(allowed.removeprefix("--allowed-hosts=").split(","))


def test_kafka_advertises_the_address_that_clients_use() -> None:
    bootstrap = SERVICES["api"]["environment"]["MARQUEE_KAFKA_BOOTSTRAP"]
    assert SERVICES["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"] == f"PLAINTEXT://{bootstrap}"


@pytest.mark.parametrize("name", MARQUEE)
def test_commands_exist(name: str, commands: dict[str, Any]) -> None:
    words = SERVICES[name]["command"]
    assert len(words) == 1
    assert words[0] in commands


def test_the_images_own_command_exists(commands: dict[str, Any]) -> None:
    entry = json.loads(re.findall(r"^ENTRYPOINT (.+)$", DOCKERFILE, re.MULTILINE)[0])
    command = json.loads(re.findall(r"^CMD (.+)$", DOCKERFILE, re.MULTILINE)[0])
    scripts = (ROOT / "pyproject.toml").read_text()
    assert f'{shlex.join(entry)} = "marquee:main"' in scripts
    assert command[0] in commands


def test_the_image_gets_what_the_code_reads() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    needed = (
        "pyproject.toml",
        "setup.py",
        "marquee.py",
        "constraints.txt",
        "README.md",
        "LICENSE",
        "NOTICE",
        "configs",
        "core",
        "app",
    )
    assert not set(needed) & {line.strip("/") for line in ignored}


# --- Prometheus and Grafana ------------------------------------------------------------------------------------------------


def exported() -> set[str]:
    """The names of the series that core.telemetry's instruments export."""
    names = set()
    for instrument in vars(telemetry).values():
        if isinstance(instrument, prometheus_client.metrics.MetricWrapperBase):
            for family in instrument.describe():
                suffixes = {"counter": ["_total"], "gauge": [""], "histogram": ["_bucket", "_sum", "_count"]}[family.type]
                names |= {family.name + suffix for suffix in suffixes}
    return names


def used(expression: str) -> set[str]:
    return set(re.findall(r"marquee_\w+", expression))


def expressions() -> Iterator[tuple[str, str]]:
    for group in yaml.safe_load((PROMETHEUS / "alerts.yml").read_text())["groups"]:
        for rule in group["rules"]:
            yield f"alert {rule['alert']}", rule["expr"]
    for path in DASHBOARDS:
        for panel in json.loads(path.read_text())["panels"]:
            for target in panel.get("targets", []):
                yield f"panel {panel['title']}", target["expr"]


@pytest.mark.parametrize(("where", "expression"), list(expressions()))
def test_alerts_and_dashboards_use_metrics_that_exist(where: str, expression: str) -> None:
    assert used(expression) <= exported(), where
    assert used(expression) or re.search(r"\b(up|process_\w+)\b", expression), f"{where} watches nothing of Marquee's"


def test_every_alert_links_a_section_of_the_runbook_that_exists() -> None:
    text = (ROOT / "docs" / "runbook.md").read_text()
    anchors = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}
    for group in yaml.safe_load((PROMETHEUS / "alerts.yml").read_text())["groups"]:
        for rule in group["rules"]:
            page, _, anchor = rule["annotations"]["runbook_url"].partition("#")
            assert page == "docs/runbook.md"
            assert anchor in anchors, rule["alert"]


def test_the_dashboards_are_what_their_code_writes() -> None:
    code = runpy.run_path(str(GRAFANA / "dashboards.py"))
    assert {path.stem: path.read_text() for path in DASHBOARDS} == {name: code["rendered"](name) for name in code["DASHBOARDS"]}


def test_prometheus_scrapes_every_process_where_it_listens() -> None:
    config = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())
    targets = {job["job_name"]: job["static_configs"][0]["targets"] for job in config["scrape_configs"]}
    assert targets == {
        "api": [f"api:{default('api_port')}"],
        "consumer": [f"consumer:{default('consumer_metrics_port')}"],
        "watchdog": [f"watchdog:{default('watchdog_metrics_port')}"],
    }
    assert set(targets) <= set(SERVICES)


def test_alerts_go_to_alertmanager_and_from_there_to_the_webhook() -> None:
    config = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())
    [manager] = config["alerting"]["alertmanagers"]
    [target] = manager["static_configs"][0]["targets"]
    assert f"127.0.0.1:{target.split(':')[1]}:{target.split(':')[1]}" in SERVICES[target.split(":")[0]]["ports"]
    told = yaml.safe_load((ROOT / "deploy" / "alertmanager" / "alertmanager.yml").read_text())
    receivers = {one["name"]: one for one in told["receivers"]}
    assert {told["route"]["receiver"], *(route["receiver"] for route in told["route"]["routes"])} == set(receivers)
    [hook] = receivers["webhook"]["webhook_configs"]
    assert hook["url_file"].removeprefix("/run/secrets/") in SERVICES["alertmanager"]["secrets"]
    alerts = {where.removeprefix("alert ") for where, _ in expressions() if where.startswith("alert ")}
    for rule in told["inhibit_rules"]:
        for matcher in (*rule["source_matchers"], *rule["target_matchers"]):
            assert set(matcher.split('"')[1].split("|")) <= alerts


def test_the_drift_alert_fires_where_the_watchdog_calls_it_drift() -> None:
    rule = dict(expressions())["alert DriftSeen"]
    named = re.search(r'verdict=~"([a-z|]+)"', rule)
    assert named is not None
    assert set(named[1].split("|")) == {Verdict.DRIFT, Verdict.RETRAIN}


def test_grafana_finds_its_data_source_and_dashboards() -> None:
    source = yaml.safe_load((GRAFANA / "provisioning" / "datasources" / "prometheus.yml").read_text())["datasources"][0]
    assert source["url"] == "http://prometheus:9090"
    provider = yaml.safe_load((GRAFANA / "provisioning" / "dashboards" / "marquee.yml").read_text())["providers"][0]
    mounted = [mount.split(":")[1] for mount in SERVICES["grafana"]["volumes"]]
    assert provider["options"]["path"] in mounted
    assert DASHBOARDS
    for path in DASHBOARDS:
        panels = [panel for panel in json.loads(path.read_text())["panels"] if panel["type"] != "row"]
        assert {panel["datasource"]["uid"] for panel in panels} == {source["uid"]}
        assert len({panel["id"] for panel in panels}) == len(panels)


@pytest.mark.service("promtool")
@pytest.mark.parametrize("check", ["check config prometheus.yml", "check rules alerts.yml", "test rules alerts_test.yml"])
def test_promtool_agrees(check: str) -> None:
    done = subprocess.run(["promtool", *shlex.split(check)], cwd=PROMETHEUS, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
