"""The command line. Exit status: 0 done, 1 the thing asked for failed, 2 wrong use or settings.

Commands import what they need when they run, so that ``--help`` is quick.
"""

# ruff: noqa: PLC0415 - see above

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import urlsplit

import click

if TYPE_CHECKING:
    from smsp.client import Sent
    from smsp.settings import Settings
    from smsp.telemetry.log import ProcessLog

EXIT_FAILED, EXIT_WRONG = 1, 2

_host = click.option("--host", help="Address to listen on.", metavar="ADDRESS")
_port = click.option("--port", type=click.IntRange(0, 65535), help="Port; 0 for any free one.")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="smsp", prog_name="smsp")
def main() -> None:
    """Send Mail Service Proxy: one HTTP call in front of many e-mail providers."""


@main.command()
@_host
@_port
def serve(host: str | None, port: int | None) -> None:
    """Serve until SIGTERM. Configured by the environment; see the README."""
    from smsp.serve import run_logged, spare_the_collector
    from smsp.serve import serve as run

    settings = _load(host, port)

    async def serving(out: ProcessLog) -> int:
        dropped = out.lines_dropped
        on_listening = spare_the_collector
        return await run(settings, out.log, on_listening=on_listening, log_lines_dropped=dropped)

    _exit_with(lambda: run_logged(serving, settings.log_format, debug=settings.log_debug))


@main.command()
@_host
@_port
def demo(host: str | None, port: int | None) -> None:
    """Serve in front of two simulated providers. Sends nothing to anybody."""
    from smsp.cli.demo import demo as run
    from smsp.serve import run_logged

    serving = partial(run, host or "127.0.0.1", 8080 if port is None else port)
    _exit_with(lambda: run_logged(serving, "DEBUG"))


@main.command()
@click.option("--url", help="Of a running SMSP; else SMSP_PROTOCOL and SMSP_HOST_PORT.")
@click.option("--from", "sender", metavar="MAILBOX", help="Sender.")
@click.option("--to", "recipients", metavar="MAILBOX", multiple=True, help="Recipient; may repeat.")
@click.option("--subject", help="Subject.")
@click.option("--text", help="Plain text body; - reads it from standard input.")
@click.option("--html", help="HTML body.")
@click.option("--provider", help="The only provider that may take it.")
@click.option(
    "--json", "whole", type=click.File("rb"), help="A whole message as POST /email has it."
)
@click.option("--deadline", "deadline_s", type=float, metavar="SECONDS", help="Total time-out.")
def send(
    url: str | None,
    sender: str | None,
    recipients: tuple[str, ...],
    subject: str | None,
    text: str | None,
    html: str | None,
    provider: str | None,
    whole: BinaryIO | None,
    deadline_s: float | None,
) -> None:
    """Send one message through a running SMSP. The key is read from SMSP_API_KEY."""
    parts: dict[str, object] = {
        "--from": sender,
        "--to": list(recipients),
        "--subject": subject,
        "--text": sys.stdin.read() if text == "-" else text,
        "--html": html,
        "--provider": provider,
    }
    given = [option for option, part in parts.items() if part]
    if whole is not None and given:
        raise click.UsageError(f"--json is a whole message; with it there is no {given[0]}")
    message = _message_of(parts) if whole is None else _whole_message(whole.read())
    sys.exit(_send(url, message, deadline_s))


@main.command()
@click.option("--probe", is_flag=True, help="Also send every provider its probe.")
def check(probe: bool) -> None:
    """Show the settings, secrets masked; with --probe, whether each provider would take mail."""
    from smsp.cli.check import show_probes, show_settings

    settings = _load(None, None)
    show_settings(settings)
    if probe and not show_probes(settings):
        sys.exit(EXIT_FAILED)


@main.command()
@click.argument("order", type=click.Choice(["open", "close", "auto"]))
@click.argument("name")
@click.option(
    "--for",
    "for_s",
    type=float,
    metavar="SECONDS",
    help="Hold for this many seconds (default: until released).",
)
@click.option("--url", help="Of a running SMSP; else SMSP_PROTOCOL and SMSP_HOST_PORT.")
def circuit(order: str, name: str, for_s: float | None, url: str | None) -> None:
    """Hold the circuit of provider NAME open or closed, or release it. The key needs `operate`."""
    from smsp.client.circuit_order import order as give

    state = "closed" if order == "close" else order
    if not give(*_caller(url), name, state, for_s):
        sys.exit(EXIT_FAILED)


@main.command()
@click.option("--watch", is_flag=True, help="Live, until interrupted.")
@click.option("--json", "as_json", is_flag=True, help="As JSON, for programs.")
@click.option("--url", help="Of a running SMSP; else SMSP_PROTOCOL and SMSP_HOST_PORT.")
def status(watch: bool, as_json: bool, url: str | None) -> None:
    """Show the circuits. Exit status 1 when none takes mail. The key needs `observe`."""
    if watch and as_json:
        raise click.UsageError("--watch is for people: without --json")
    if not _status(_caller(url), watch=watch, as_json=as_json):
        sys.exit(EXIT_FAILED)


@main.group()
def key() -> None:
    """Make keys for callers."""


@key.command("new")
@click.argument("name")
@click.option("--scopes", default="send", show_default=True, help="send, observe, operate; by +.")
@click.option("--from-domains", default="", help="The only sender domains; joined by +.")
@click.option("--per-second", default="", metavar="NUMBER", help="Messages a second on average.")
def new_key(name: str, scopes: str, from_domains: str, per_second: str) -> None:
    """Make a key called NAME: its secret, shown this once, and its entry in SMSP_API_KEYS."""
    from smsp.settings.keys import new_key as make

    try:
        made, secret = make(name, scopes, from_domains, per_second)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    click.echo(f"secret, for the caller, shown only now: {secret}")
    click.echo(f"entry, for SMSP_API_KEYS:               {made.entry}")


@main.command()
def openapi() -> None:
    """Print the OpenAPI document."""
    from smsp.web.openapi import document
    from smsp.wiring import product_version

    click.echo(json.dumps(document(product_version()), indent=2))


def _load(host: str | None, port: int | None) -> Settings:
    from smsp.settings import SettingsError, load

    overrides = {}
    if host is not None:
        overrides["SMSP_HOST"] = host
    if port is not None:
        overrides["SMSP_PORT"] = str(port)
    try:
        return load(overrides=overrides)
    except SettingsError as error:
        _complain(error)
        sys.exit(EXIT_WRONG)


def _send(url: str | None, message: dict[str, object], deadline_s: float | None) -> int:
    from smsp.client import Client, RequestRefused, Sent

    try:
        with Client(*_caller(url)) as client:
            outcome = client.send(message, deadline_s=deadline_s)
    except RequestRefused as error:
        click.echo(json.dumps(error.answer, indent=2))
        return EXIT_FAILED
    except ValueError as error:  # a key, a URL or a message that no request can be made of
        _complain(error)
        return EXIT_WRONG
    if outcome.answer:
        click.echo(json.dumps(outcome.answer, indent=2))
    elif not isinstance(outcome, Sent):
        _complain(outcome.message)
    if isinstance(outcome, Sent) and outcome.refusedrecipientscount:
        _complain(_left_out(outcome))
    return 0 if isinstance(outcome, Sent) else EXIT_FAILED


def _left_out(sent: Sent) -> str:
    named = ", ".join(f"{one.address} ({one.reason})" for one in sent.refusedrecipients or ())
    return f"recipients refused: {sent.refusedrecipientscount}" + (f": {named}" if named else "")


def _status(caller: tuple[str, str], *, watch: bool, as_json: bool) -> bool:
    import trio
    from rich.console import Console

    # Not from smsp.cli: there the command has this name.
    from smsp.cli.status import KeyRefused, Node, NodeUnreachable, show
    from smsp.cli.status import watch as watch_node

    async def run() -> bool:
        async with Node(*caller) as node:
            if watch:
                return await watch_node(node, Console())
            return await show(node, Console(), as_json=as_json)

    try:
        return trio.run(run)
    except (NodeUnreachable, KeyRefused) as error:
        _complain(error)
        return False


def _caller(url: str | None) -> tuple[str, str]:
    """The URL and the key of the SMSP that a command talks to; ends the process without one."""
    from smsp.settings import SettingsError, load_caller

    try:
        caller = load_caller()
    except SettingsError as error:
        _complain(error)
        sys.exit(EXIT_WRONG)
    if caller.key is None:
        _complain("SMSP_API_KEY is required: the key that the running SMSP knows")
        sys.exit(EXIT_WRONG)
    url = url or caller.url
    if not _is_url(url):
        _complain("this is no URL of an SMSP: --url, or SMSP_PROTOCOL and SMSP_HOST_PORT")
        sys.exit(EXIT_WRONG)
    return url, caller.key.get_secret_value()


def _is_url(text: str) -> bool:
    try:
        url = urlsplit(text)
        return url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0
    except ValueError:
        return False


def _message_of(parts: Mapping[str, object]) -> dict[str, object]:
    if not parts["--from"] or not parts["--to"]:
        raise click.UsageError("give --from and --to, or --json")
    return {field: parts[option] for option, field in _FIELDS.items() if parts[option]}


_FIELDS: Mapping[str, str] = MappingProxyType(
    {
        "--from": "fromaddress",
        "--to": "toaddress",
        "--subject": "subject",
        "--text": "plaintextbody",
        "--html": "htmlbody",
        "--provider": "provider",
    }
)


def _whole_message(text: bytes) -> dict[str, object]:
    try:
        message = json.loads(text)
    except ValueError as error:
        raise click.UsageError(f"--json: this is not JSON: {error}") from error
    if not isinstance(message, dict):
        raise click.UsageError("--json: a message is an object")
    return message


def _exit_with(run: Callable[[], int]) -> None:
    """End with what ``run`` says; a port that cannot be had is a failure told in one line."""
    from smsp.settings import SettingsError

    status = EXIT_FAILED
    try:
        status = run()
    except* OSError as group:
        _complain(_first(group))
    except* SettingsError as group:
        _complain(_first(group))
        status = EXIT_WRONG
    sys.exit(status)


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _complain(what: object) -> None:
    click.echo(str(what), err=True)
