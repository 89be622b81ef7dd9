"""Adapters of the registry and tracker ports: MLflow, and a folder that needs nothing."""
