"""Providers with an HTTP API: an adapter bound to connections of its own."""
