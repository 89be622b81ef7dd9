"""The code has a licence that tools can read, the data keep their own, and there is an address for reports of vulnerabilities."""

from __future__ import annotations

import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_the_code_is_under_the_whole_apache_licence() -> None:
    text = (ROOT / "LICENSE").read_text()
    assert "Apache License\n                           Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text
    assert PROJECT["license"].split(" AND ")[0] == "Apache-2.0"
    assert not [name for name in PROJECT["classifiers"] if name.startswith("License")]  # an SPDX expression takes their place


def test_the_data_keep_their_own_licence_which_travels_with_them() -> None:
    notice = (ROOT / "NOTICE").read_text()
    assert "MovieLens" not in (ROOT / "LICENSE").read_text()
    for named in PROJECT["license-files"]:
        assert (ROOT / named).is_file()
        assert named in {"LICENSE", "NOTICE"} or named in notice
    assert [path.name for path in sorted((ROOT / "datasets" / "bundled").glob("LICENSE-*"))] == ["LICENSE-ml-latest-small.txt"]


def test_vulnerabilities_have_somewhere_to_go() -> None:
    text = (ROOT / "SECURITY.md").read_text()
    assert "## Reporting" in text
    assert "[SECURITY.md](SECURITY.md)" in (ROOT / "README.md").read_text()
