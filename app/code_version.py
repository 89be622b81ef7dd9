"""Which code this is: the commit that it was told, that of its checkout, or the version of the package."""

from __future__ import annotations

from pathlib import Path

from core.settings import REPOSITORY, Settings
from core.version import VERSION

LENGTH = 12  # hex digits of a commit
_POINTER = "gitdir: "
_REF = "ref: "


def code_version(settings: Settings) -> str:
    """The commit, or the version of the package where none is known: an installed wheel, an image that was told none."""
    return settings.code_version[:40] or commit_of(REPOSITORY) or VERSION


def commit_of(root: Path) -> str:
    """The commit that is checked out in this folder, without asking git; empty if it is no checkout."""
    try:
        folder = _git_folder(root / ".git")
        head = (folder / "HEAD").read_text().strip()
        return (_resolved(folder, head.removeprefix(_REF)) if head.startswith(_REF) else head)[:LENGTH]
    except OSError:
        return ""


def _git_folder(path: Path) -> Path:
    """`.git` itself, or where it points to in a work tree of its own."""
    return path if path.is_dir() else path.parent / path.read_text().strip().removeprefix(_POINTER)


def _resolved(folder: Path, ref: str) -> str:
    """The commit of a branch. Its file may lie in the folder that all work trees share, or be packed with others into one."""
    common = folder / "commondir"
    shared = folder / common.read_text().strip() if common.is_file() else folder
    for place in (folder, shared):
        if (place / ref).is_file():
            return (place / ref).read_text().strip()
    for line in (shared / "packed-refs").read_text().splitlines():
        commit, _, name = line.partition(" ")
        if name == ref:
            return commit
    return ""
