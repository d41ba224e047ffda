"""`python -m relay` is `lean-relay`."""

from relay.cli import main

if __name__ == "__main__":
    main()
