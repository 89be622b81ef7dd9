"""Two processes (DDP over gloo, started by torchrun) learn what one process learns."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def test_two_processes_have_the_loss_curve_of_one(tmp_path: Path) -> None:
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    script = [str(HERE / "train_in_processes.py"), str(tmp_path / "two"), "2", str(tmp_path / "two.json")]
    environment = os.environ | {"PYTHONPATH": str(HERE.parents[1]), "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    ran = subprocess.run([*launch, *script], env=environment, capture_output=True, text=True, timeout=240, check=False)
    assert ran.returncode == 0, ran.stderr[-3000:]
    two = json.loads((tmp_path / "two.json").read_text())

    sys.path.insert(0, str(HERE))
    try:
        from train_in_processes import curve
    finally:
        sys.path.remove(str(HERE))
    one = curve(tmp_path / "one", devices=1)
    assert len(one) == len(two) == 3
    for alone, together in zip(one, two, strict=True):
        assert together == pytest.approx(alone, abs=2e-3)
    assert two[-1]["loss"] < two[0]["loss"] - 0.05
