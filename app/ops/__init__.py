"""Operating a Marquee on one machine: supervisor, locks, doctor."""
