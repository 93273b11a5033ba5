"""PURE. One file a provider: a message becomes a request, and an answer an outcome."""
