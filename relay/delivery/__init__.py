"""Webhooks out: a queue per target for live forwarding, and replays of stored captures.

Others use `forwarder.Forwarder`, `replay_run.ReplayRun` and `replay_plan`, `attempt`, `destinations`, `edits`
and `edit_form`, `expectations`, `editor`, and `samples`, which `trigger` posts. `http` is one request.
"""
