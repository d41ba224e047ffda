"""The widgets: each knows its data and its children, and reports events by messages."""
