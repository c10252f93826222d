"""The write path of an archive: from a seed to a sealed, committed capture."""
