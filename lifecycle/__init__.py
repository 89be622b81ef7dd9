"""Lifecycle: registering releases, judging them, promoting them and rolling them back."""
