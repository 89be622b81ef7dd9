"""The log lines of the movie-streaming course format, as a source of events."""
