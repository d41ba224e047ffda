"""TLS at the door: what serves it, who connected, and why a handshake came to nothing."""
