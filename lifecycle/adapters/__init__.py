"""Adapters of the registry and tracker ports: MLflow, and a plain folder."""
