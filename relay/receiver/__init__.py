"""Receives webhooks: accepts connections, stores each request as a row, and answers 200.

Others use `receiver.Receiver`, `connections`, `listener`, `config.ReceiverConfig` and `refusals.Refusals`.
Inside, `framing` and `heads` read HTTP, `connection` serves one connection, `intake` builds the row of a
request.
"""
