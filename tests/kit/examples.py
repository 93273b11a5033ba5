"""How many examples Hypothesis draws, where the profile's number is too few."""

from __future__ import annotations

from hypothesis import settings

many = settings(max_examples=10 * settings.default.max_examples)
"""Where an example costs little, and few are odd in an interesting way."""
