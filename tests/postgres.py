"""A private PostgreSQL server from the wheel `pgserver`: its programs alone, because PostgreSQL does not run as root."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

UNPRIVILEGED = "nobody"  # whom the server runs as where the tests run as root
SECONDS = 60


def programs() -> Path | None:
    """The folder of the installed server; None without the wheel. It is not imported: that writes outside the test's folders."""
    spec = find_spec("pgserver")
    places = spec.submodule_search_locations if spec else None
    folder = Path(next(iter(places))) / "pginstall" if places else None
    return folder if folder is not None and (folder / "bin" / "postgres").is_file() else None


@contextmanager
def running() -> Iterator[str]:
    """The address of a server with a database `mlflow`, on a socket of its own. Raises CalledProcessError."""
    installed = programs()
    assert installed is not None
    with tempfile.TemporaryDirectory(prefix="marquee-postgres-") as name:
        folder, user = Path(name), UNPRIVILEGED if os.geteuid() == 0 else None
        if user is not None:
            # another user may not read where the wheel is, for example below /root; programs find their libraries beside it
            libraries = installed.parents[1] / "pgserver.libs"
            shutil.copytree(libraries, folder / libraries.name)
            installed = shutil.copytree(installed, folder / "pgserver" / installed.name, symlinks=True)
            account = pwd.getpwnam(user)
            os.chown(folder, account.pw_uid, account.pw_gid)

        def run(program: str, *arguments: str) -> None:
            command = [str(installed / "bin" / program), *arguments]
            with (folder / "programs.log").open("a") as log:
                subprocess.run(command, user=user, cwd=folder, stdout=log, stderr=log, timeout=SECONDS, check=True)

        data = folder / "data"
        run("initdb", "--pgdata", str(data), "--username", "marquee", "--auth", "trust", "--encoding", "UTF8", "--no-sync")
        options = f"-h '' -k {folder} -c fsync=off"
        run("pg_ctl", "start", "-w", "-D", str(data), "-l", str(data / "server.log"), "-o", options)
        try:
            run("createdb", "--host", str(folder), "--username", "marquee", "mlflow")
            yield f"postgresql://marquee@/mlflow?host={folder}"
        finally:
            run("pg_ctl", "stop", "-w", "-D", str(data), "-m", "immediate")
