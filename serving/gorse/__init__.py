"""The public routes of Gorse's REST API on top of Marquee, so that what was written for Gorse works unchanged (docs/gorse.md)."""
