"""Everything that changes a database, and the process that does it. Loads no reader.

Others use `client.Writer`, the engine's side; its jobs are functions of `deliveries`, `replays`,
`changes` and `shapes`, which run in the process (`process`, `recorder`).
"""
