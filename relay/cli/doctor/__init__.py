"""The command `doctor`: checks of versions, paths, port, engine, targets, TLS, secrets and the public URL."""
