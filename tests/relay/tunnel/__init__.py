"""The program that gives the relay a public URL."""
