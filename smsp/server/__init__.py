"""The HTTP server: callers' connections, HTTP/1.1, one request's cycle. Knows no route."""
