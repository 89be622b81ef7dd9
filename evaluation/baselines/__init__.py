"""What a user would pick instead: models to compare with, each in a file, as well-kept libraries where there are."""
