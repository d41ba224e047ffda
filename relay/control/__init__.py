"""The engine's Unix socket, its messages, and the lock file of a database.

Others use `messages` (with `exchange`), `client.request`, `server.serving`, `lock.Lock`, `lock.holder` and
`address`. `client` and `server` load aiohttp; the others do not.
"""
