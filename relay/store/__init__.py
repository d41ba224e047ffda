"""The log: one SQLite file, one writer thread, any number of readers."""
