"""The widgets: each knows its data and its children, and tells what happens by messages."""
