"""The command `doctor`: checks of versions, paths, port, engine, targets, TLS and secrets."""
