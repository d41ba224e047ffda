"""Webhooks in: accepts connections, turns one request into one stored row, and answers 200.

Others use `receiver.Receiver`, `connections`, `listener`, `config.ReceiverConfig` and `refusals.Refusals`.
From below: `framing` and `heads` read HTTP, `connection` serves one connection, `intake` makes a row of a
request.
"""
