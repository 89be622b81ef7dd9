"""Adapters of the lake's port: Delta tables on a disk, and tables in memory."""
