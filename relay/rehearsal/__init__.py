"""Puts a backend through what Lean will do to it, and reports the results.

Others use `conductor` (does it), `choices` (the options), `report` (the results) and `junit`. Each check of
`relay.rehearsal.checks` asks the engine for replays, looks at the responses and at the backend's state, and
yields lines of the report. Sends nothing itself.
"""
