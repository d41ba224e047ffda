"""Every key, in one table, and other keys from the settings."""
