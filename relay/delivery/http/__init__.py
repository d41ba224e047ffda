"""One outgoing HTTP request, byte for byte: built, sent, and its outcome. Knows no database and no settings.

Others use `request` (a destination, and a capture made into a request), `sender.Sender` and `outcomes`.
"""
