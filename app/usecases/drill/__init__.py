"""`marquee drill`: a small Marquee on a simulated clock, in which everything that it has to cope with happens within minutes."""
