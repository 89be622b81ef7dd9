"""The lake: tables of everything that happened, who follows them, and the files that processes publish to each other."""
