"""What operators see: the log, metrics, latency, and the live feed of the circuits."""
