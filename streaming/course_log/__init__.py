"""Events from the log format of the movie-streaming course."""
