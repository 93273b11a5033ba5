"""The dashboard's page and its files: small, from this host alone, nothing inline."""

from __future__ import annotations

import re

import pytest

from smsp.web.app import create_app
from smsp.web.assets import STATIC
from smsp.web.dashboard import ASSETS, PAGE
from tests.kit.web import fake_services

BYTES_MAX = 60_000
TYPES = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
FILES = sorted(path.name for path in (STATIC / "dashboard").iterdir())


@pytest.fixture
def client():
    return create_app(fake_services()).test_client()


async def page_of(client):
    return await (await client.get("/")).get_data(as_text=True)


def addresses_in(text):
    return re.findall(r'(?:src|href)="(/dashboard/[^"]+)"', text)


async def test_the_page_is_for_anybody(client):
    """Without a key there is a page, which asks for one; it is never taken from a cache unasked."""
    response = await client.get("/")
    assert response.status_code == 200
    assert response.content_type == "text/html; charset=utf-8"
    assert response.headers["Cache-Control"] == "no-cache"


async def test_the_policy_allows_this_host_and_nothing_inline(client):
    """Scripts, styles and connections come from here; no string becomes HTML or code."""
    policy = (await client.get("/")).headers["Content-Security-Policy"]
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == rules["style-src"] == rules["connect-src"] == "'self'"
    assert rules["frame-ancestors"] == rules["form-action"] == rules["base-uri"] == "'none'"
    assert "unsafe" not in policy


async def test_the_page_keeps_to_its_policy(client):
    """There is no inline script, style or handler that a browser would refuse."""
    page = await page_of(client)
    assert re.findall(r"<script[^>]*>[^<]+", page) == []
    assert re.findall(r"<style|\sstyle=|\son\w+=", page) == []


@pytest.mark.parametrize("name", FILES)
def test_no_file_names_another_host(name):
    """The page works on a network that leads nowhere else."""
    text = (STATIC / "dashboard" / name).read_text(encoding="utf-8")
    assert set(re.findall(r"https?://[\w./]+", text)) <= {"http://www.w3.org/2000/svg"}


def test_it_is_small():
    """All files together, as they are, without compression."""
    assert sum((STATIC / "dashboard" / name).stat().st_size for name in FILES) < BYTES_MAX


def test_every_file_is_served():
    """What is in the folder is the page, or is on the list."""
    assert set(FILES) == {PAGE, *ASSETS}


async def test_whatever_the_page_refers_to_is_there(client):
    """Every address in the page is answered with the type it has, for ever."""
    addresses = addresses_in(await page_of(client))
    assert addresses
    for address in addresses:
        response = await client.get(address)
        assert response.status_code == 200, address
        assert response.content_type == TYPES[address.rpartition(".")[2]]
        assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert response.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("name", [name for name in ASSETS if name.endswith(".js")])
def test_modules_import_what_is_served(name):
    """A module's imports are beside it, and so have the same version in their address."""
    text = (STATIC / "dashboard" / name).read_text(encoding="utf-8")
    assert set(re.findall(r'from "\./([^"]+)"', text)) <= set(ASSETS)
    assert re.findall(r'from "(?!\./)', text) == []


@pytest.mark.parametrize("name", [name for name in ASSETS if name.endswith(".js")])
def test_no_script_makes_html_of_strings(name):
    """What comes from the server is shown as text."""
    text = (STATIC / "dashboard" / name).read_text(encoding="utf-8")
    assert re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", text) == []


async def test_another_version_is_served_but_not_kept(client):
    """While a new version is rolled out, a page of the old one still gets a file."""
    response = await client.get("/dashboard/0123456789abcdef/dashboard.js")
    assert response.status_code == 200
    assert response.headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize("name", ["dashboard.html", "docs.js", "..%2fdocs.js", "%2e%2e", "x.js"])
async def test_no_other_file_is_served(client, name):
    """What is not on the list is not there, wherever the name points to."""
    response = await client.get(f"/dashboard/0123456789abcdef/{name}")
    assert response.status_code == 404
