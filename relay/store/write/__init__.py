"""Writes to a database, in a process of its own. Loads no reader.

Others use `client.Writer`, the engine's side; its jobs are functions of `deliveries`, `replays`,
`changes`, `imports`, `followed` and `shapes`, which run in the process (`process`, `recorder`).
"""
