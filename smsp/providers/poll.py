"""The dummy message, where plug-ins for SMSP 0.1.0 find it; others import it from ``protocols``."""

from smsp.providers.probes import poll

__all__ = ["poll"]
