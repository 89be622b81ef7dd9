"""What pyproject.toml cannot say: the folder `configs` becomes `core/configs` in a wheel, beside the module that reads it."""

from setuptools import find_packages, setup

FOUND = (
    *("app*", "core*", "datasets*", "evaluation*", "feature_repo*", "lake*", "lifecycle*"),
    *("marquee_client*", "monitoring*", "ranking*", "recommender*", "retrieval*", "serving*", "streaming*"),
)

setup(packages=[*find_packages(include=FOUND), "core.configs"], package_dir={"core.configs": "configs"})
