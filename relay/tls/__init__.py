"""TLS: certificates read, checked and made; contexts for the server and for targets.

Others use `server` and `handshake` (incoming), `client` and `client_cert` (outgoing), `checks` (what `doctor`
looks at), `probe`, `describe` and `pem` (what `certs` shows), `development_ca` (what it makes).
"""
