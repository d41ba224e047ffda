"""Everything that changes a database, and the process that does it. Loads no reader.

Others use `client.Writer`, the engine's side; what it is given to do are functions of `deliveries`,
`replays`, `changes` and `shapes`, which run in the process (`process`, `recorder`).
"""
