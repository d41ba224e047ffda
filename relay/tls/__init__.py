"""TLS: reads, checks and makes certificates; builds the contexts for the server and for targets.

Others use `server` and `handshake` (incoming), `client` and `client_cert` (outgoing), `checks` (for `doctor`
and `certs check`), `probe`, `describe` and `pem` (for `certs show`), `development_ca` (for `certs init`).
"""
