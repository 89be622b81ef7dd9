"""Ids of users and items, as a company calls them."""

from __future__ import annotations

Id = int | str
