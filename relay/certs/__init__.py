"""Certificates, keys and chains: reading their files, describing, checking and making them."""
