"""The version of Marquee; `pyproject.toml` takes it from here, so that it is known without installing anything, too."""

VERSION = "0.1.0"
