"""A team's webhooks, shared in PostgreSQL: publishing them, and reading them in order.

Others use `log` (the interface and its values), `connect` (opens a log) and `publisher`. asyncpg, which is an
extra, is imported where a connection is opened and nowhere else.
"""
