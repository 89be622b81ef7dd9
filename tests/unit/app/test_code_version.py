"""Which commit this is, in every state that git leaves a checkout in, and where there is none."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from app import code_version
from core.settings import Settings
from core.version import VERSION


def git(folder: Path, *arguments: str) -> str:
    who = ("-c", "user.name=test", "-c", "user.email=test@example.org")
    done = subprocess.run(["git", *who, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    folder = tmp_path / "checkout"
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch", "main")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", "first")
    return folder


def head(folder: Path) -> str:
    return git(folder, "rev-parse", "HEAD")[:12]


def test_a_branch_a_packed_branch_and_no_branch(checkout: Path) -> None:
    assert code_version.commit_of(checkout) == head(checkout)
    git(checkout, "pack-refs", "--all")
    assert not (checkout / ".git" / "refs" / "heads" / "main").exists()
    assert code_version.commit_of(checkout) == head(checkout)
    git(checkout, "checkout", "--quiet", "--detach")
    assert code_version.commit_of(checkout) == head(checkout)


def test_a_work_tree_of_its_own_with_its_branch_packed_or_not(checkout: Path) -> None:
    other = checkout.parent / "other"
    git(checkout, "worktree", "add", "--quiet", "-b", "other", str(other))
    git(other, "commit", "--quiet", "--allow-empty", "--message", "second")
    assert code_version.commit_of(other) == head(other) != head(checkout)
    git(checkout, "pack-refs", "--all")
    assert code_version.commit_of(other) == head(other)


def test_without_a_checkout_it_is_what_the_image_was_told_or_the_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert code_version.commit_of(tmp_path) == ""
    monkeypatch.setattr(code_version, "REPOSITORY", tmp_path)
    assert code_version.code_version(Settings()) == VERSION
    monkeypatch.setenv("MARQUEE_CODE_VERSION", "1234567890ab")
    assert code_version.code_version(Settings()) == "1234567890ab"
