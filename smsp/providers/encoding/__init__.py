"""PURE. How a message is written for a provider: MIME, forms, JSON fields, signatures."""
