"""The command `shapes`: what events look like, and contracts checked against them."""
