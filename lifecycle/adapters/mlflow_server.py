"""`python -m lifecycle.adapters.mlflow_server ADDRESS ARTIFACTS PORT`: MLflow's server and pages, in one process.

`mlflow server` starts the same program, and stays beside it with 190 MiB only to wait for its end. MLflow tells that program by
environment variables what the options said; their names are MLflow's own constants.
"""

from __future__ import annotations

import os
import sys

import uvicorn


def main() -> None:
    """Serve the database at ADDRESS on loopback until SIGINT or SIGTERM; artifacts go to the folder ARTIFACTS."""
    from mlflow.server import constants

    address, artifacts, port = sys.argv[1:]
    os.environ |= {
        constants.BACKEND_STORE_URI_ENV_VAR: address,
        constants.ARTIFACT_ROOT_ENV_VAR: artifacts,
        constants.SERVE_ARTIFACTS_ENV_VAR: "true",
    }
    uvicorn.run("mlflow.server.fastapi_app:app", host="127.0.0.1", port=int(port), log_level="warning")


if __name__ == "__main__":
    main()
