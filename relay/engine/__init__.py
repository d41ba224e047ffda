"""The process that owns a database: starts and ends everything else, and serves the requests of commands.

Others use `engine`: `running` for a listener, `connect` and `request` for a command. The other modules are
its parts: `receiver`, `forwarding`, `replays`, `maintenance`, `retention`, `reachability`, and
`shape_checker` with `shape_worker`, a process of its own.
"""
