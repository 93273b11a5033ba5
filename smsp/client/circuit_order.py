"""``smsp circuit``: an operator's order to one circuit of a running SMSP."""

from __future__ import annotations

import click
import httpx

TIMEOUT_S = 10.0


def order(url: str, key: str, name: str, state: str, for_s: float | None) -> bool:
    """Give the order and tell what came of it; whether it was carried out."""
    body: dict[str, object] = {"state": state} | ({} if for_s is None else {"for": for_s})
    try:
        answer = httpx.put(
            f"{url}/providers/{name}/circuit",
            json=body,
            headers={"X-API-KEY": key},
            timeout=TIMEOUT_S,
            trust_env=False,
        )
        told = answer.json()
    except (httpx.TransportError, ValueError) as error:
        click.echo(f"no answer from SMSP: {error}", err=True)
        return False
    if answer.status_code != httpx.codes.OK:
        click.echo(told.get("message", f"status {answer.status_code}"), err=True)
        return False
    click.echo(f"{told['name']} is {told['state']} since {told['since']} ({told['reason']})")
    return True
