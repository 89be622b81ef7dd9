"""The HTTP process: lists, events, health, metrics, and the web page."""
