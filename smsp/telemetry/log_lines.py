"""Events become the lines of the log, in one of its formats; a fault of an event never gets out.

The only door to structlog, and its only configurer. Knows nothing of where lines are written.
"""

from __future__ import annotations

from collections.abc import Callable

import orjson
import structlog
from structlog.typing import EventDict, FilteringBoundLogger

LINE_BYTES_MAX = 64 * 1024
_KEPT = ("requestkey", "id", "provider")
_KEPT_MAX = 128

_stamp = structlog.processors.TimeStamper(fmt="iso", utc=True, key="time")


class LineFormat:
    """How this node's events are written.

    ``output_format`` is ``JSON_ONELINE``, ``JSON_PRETTY`` or ``DEBUG``; ``colours`` are for the
    last. ``lost`` counts the events of which the log has no more than that they were lost.
    """

    def __init__(self, output_format: str, node: str, *, colours: bool) -> None:
        # A host's name is whatever bytes somebody gave it.
        self.node = node.encode("utf-8", "backslashreplace").decode()
        self.lost = 0
        self._render = _rendering(output_format, colours=colours)

    def __call__(self, _logger: object, _method: str, event: EventDict) -> bytes:
        """The last of structlog's processors: an event as a line, newline included."""
        try:
            line = self._render(event)
        except TypeError:  # orjson's error is one, and what a value of ours raised is its cause
            return self._instead(event, "unrenderable")
        return line if len(line) <= LINE_BYTES_MAX else self._instead(event, "too_long")

    def gap(self, lines: int) -> bytes:
        """The line that tells how many were dropped here."""
        return self._dropped({}, lines)

    def _instead(self, event: EventDict, reason: str) -> bytes:
        """A line that tells that there was this event, and ties it to its request."""
        self.lost += 1
        kept = {name: event[name] for name in _KEPT if _is_plain(event.get(name))}
        return self._dropped({**kept, "reason": reason, "message": event["event"]}, 1)

    def _dropped(self, fields: EventDict, lines: int) -> bytes:
        told = {"node": self.node, **fields, "count": lines}
        return self._render(_stamp(None, "", told | {"event": "log.dropped", "level": "warning"}))


def logger(
    line: LineFormat, write: Callable[[bytes], object], *, debug: bool
) -> FilteringBoundLogger:
    """What gives ``write`` each event as a line; those of level debug only if asked to."""
    made: FilteringBoundLogger = structlog.wrap_logger(
        _Written(write),
        processors=[structlog.processors.add_log_level, _stamp, line],
        wrapper_class=structlog.make_filtering_bound_logger("debug" if debug else "info"),
        node=line.node,
    ).bind()  # Now, or structlog would make a logger anew for every line.
    return made


class _Written:
    """What structlog hands a line to, by its level."""

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self.debug = self.info = self.warning = self.error = write


def _is_plain(value: object) -> bool:
    return isinstance(value, str) and value.isascii() and len(value) <= _KEPT_MAX


def _rendering(output_format: str, *, colours: bool) -> Callable[[EventDict], bytes]:
    match output_format:
        case "JSON_ONELINE":
            return _json
        case "JSON_PRETTY":
            return lambda event: _json(event, orjson.OPT_INDENT_2)
        case _:
            console = structlog.dev.ConsoleRenderer(
                colors=colours, sort_keys=False, timestamp_key="time"
            )
            # By way of JSON, so that only one thing can go wrong, whatever the values are.
            return lambda event: f"{console(None, '', orjson.loads(_json(event)))}\n".encode()


def _json(event: EventDict, option: int = 0) -> bytes:
    options = option | orjson.OPT_NON_STR_KEYS | orjson.OPT_APPEND_NEWLINE
    return orjson.dumps(event, option=options, default=str)
