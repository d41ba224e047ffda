"""lean-relay: a local relay and inspector for the webhooks that Lean Technologies sends."""
