"""Checks of all that the relay depends on: versions, files, port, engine, targets, TLS, secrets, clock, URL.

`findings.Finding` is the result of one check; `order.every` makes all checks, in the order in which to fix
problems. No check changes anything, but for `way_in`, which sends a sample. `doctor` prints the findings.
"""
