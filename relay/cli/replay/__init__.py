"""The command `replay`: starting, following and stopping a run."""
