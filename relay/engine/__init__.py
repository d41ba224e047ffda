"""The process that owns a database: starts and ends everything else, and does what commands ask of it.

Others use `engine`: `running` for a listener, `asking` for a command. The other modules are its parts:
`forwarding`, `replays`, `maintenance` and `retention`, `shape_checker` with `shape_worker`, a process of
its own.
"""
