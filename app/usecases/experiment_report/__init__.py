"""What an experiment showed, as a page that needs nothing else."""
