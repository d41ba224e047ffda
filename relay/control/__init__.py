"""The engine's Unix socket, and the lock that says who owns a database.

Others use `client.ask_engine`, `server.serving`, `lock.Lock` and `lock.holder`, and `address` (where webhooks
go). `client` and `server` load aiohttp; `lock` and `address` do not.
"""
