"""The process that owns a database: starts and ends everything else, and serves the requests of commands.

Others use `engine.running` for a listener, `access.connect` and `access.request` for a command. The other
modules are the parts of an engine; `shape_worker` is a process of its own.
"""
