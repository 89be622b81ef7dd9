"""A real single-node Apache Kafka (KRaft) on loopback, without Docker: `make kafka`, `make kafka-stop`.

The broker is that of KAFKA_HOME if it is set, else its jars are fetched with Maven into the git-ignored `.kafka/`.
Needs a JDK 17 or newer.

    python deploy/kafka/kafka.py start --port 9092
    python deploy/kafka/kafka.py status
    python deploy/kafka/kafka.py stop
"""

from __future__ import annotations

import argparse
import base64
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import uuid
from pathlib import Path

import psutil

HERE = Path(__file__).resolve().parent
FOLDER = HERE.parents[1] / ".kafka"
PATIENCE = 120.0
JVM = ("-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")  # halves the processor time of a start
CONFIG = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={data}
num.partitions=6
auto.create.topics.enable=true
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
# every acknowledged record is on disk: one node has no replica to fall back on
log.flush.interval.messages=1
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=("start", "stop", "status"))
    parser.add_argument("--port", type=int, default=9092)
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where jars, data, log and process id go")
    arguments = parser.parse_args()
    folder = arguments.folder.resolve()
    if arguments.action == "start":
        start(folder, arguments.port)
    else:
        {"stop": stop, "status": status}[arguments.action](folder)


def start(folder: Path, port: int) -> None:
    """Format the storage if it is new, start the broker in the background, and wait until it answers."""
    if running(folder) is not None:
        return status(folder)
    if answers(port) or answers(port + 1):
        sys.exit(f"port {port} or {port + 1} is taken; choose another: python deploy/kafka/kafka.py start --port {port + 10}")
    java, classpath = require_java(), broker_jars(folder)
    config = folder / "server.properties"
    data = folder / "data"
    config.write_text(CONFIG.format(port=port, controller=port + 1, data=data))
    if not (data / "meta.properties").is_file():
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        command = [java, "-cp", classpath, "kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(config)]
        formatting = subprocess.run(command, capture_output=True, text=True)
        if formatting.returncode:
            sys.exit(f"Kafka cannot format {data}:\n{formatting.stdout}{formatting.stderr}")
    log = folder / "broker.log"
    with log.open("ab") as output:
        command = [java, *JVM, "-cp", classpath, "kafka.Kafka", str(config)]
        process = subprocess.Popen(command, stdout=output, stderr=output, stdin=subprocess.DEVNULL, start_new_session=True)
    (folder / "broker.pid").write_text(str(process.pid))
    deadline = time.monotonic() + PATIENCE
    while not answers(port):
        if process.poll() is not None or time.monotonic() > deadline:
            sys.exit(f"Kafka did not start; read the end of {log}")
        time.sleep(0.2)
    return status(folder)


def stop(folder: Path) -> None:
    """Ask the broker to end and wait for it."""
    pid = running(folder)
    if pid is None:
        print("Kafka is not running")
        return
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + PATIENCE
    while running(folder) is not None:
        if time.monotonic() > deadline:
            sys.exit(f"Kafka (process {pid}) does not end; kill it")
        time.sleep(0.2)
    print("Kafka is stopped; its data stays in", folder / "data")


def status(folder: Path) -> None:
    """Print where the broker listens, which is not always where the command line says."""
    pid = running(folder)
    if pid is None:
        sys.exit("Kafka is not running; start it with `make kafka`")
    port = re.findall(r"PLAINTEXT://127\.0\.0\.1:(\d+)", (folder / "server.properties").read_text())[0]
    print(f"Kafka (process {pid}) listens on 127.0.0.1:{port}; MARQUEE_EVENT_LOG=kafka MARQUEE_KAFKA_BOOTSTRAP=127.0.0.1:{port}")


def running(folder: Path) -> int | None:
    """The broker's process id, or None. After a reboot the id may be somebody else's: `stop` must not end that."""
    try:
        broker = psutil.Process(int((folder / "broker.pid").read_text()))
        return broker.pid if "kafka.Kafka" in broker.cmdline() else None
    except (OSError, ValueError, psutil.Error):
        return None


def answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def require_java() -> str:
    java = shutil.which("java")
    if java is None:
        sys.exit("Kafka needs Java 17 or newer: install a JDK (Debian: openjdk-17-jdk-headless)")
    return java


def broker_jars(folder: Path) -> str:
    """The class path: KAFKA_HOME's, or one that Maven fetched."""
    home = os.environ.get("KAFKA_HOME")
    if home:
        return str(Path(home) / "libs" / "*")
    libs = folder / "libs"
    folder.mkdir(parents=True, exist_ok=True)
    if not any(libs.glob("kafka_2.13-*.jar")):
        maven = shutil.which("mvn")
        if maven is None:
            sys.exit("set KAFKA_HOME to an unpacked Kafka 4, or install Maven, which fetches the broker")
        print("fetching the broker's jars with Maven ...", flush=True)
        command = [maven, "-q", "-B", "-f", str(HERE / "pom.xml"), "dependency:copy-dependencies", f"-DoutputDirectory={libs}"]
        subprocess.run([*command, "-DincludeScope=runtime"], check=True)
    return str(libs / "*")


if __name__ == "__main__":
    main()
