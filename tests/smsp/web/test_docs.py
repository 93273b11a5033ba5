"""The routes that tell people and programs how to use SMSP."""

from __future__ import annotations

import re
from functools import partial

import orjson
import pytest

from smsp.web.app import create_app
from smsp.web.docs import ASSETS, CONTENT_SECURITY_POLICY
from tests.kit.web import fake_services


@pytest.fixture
def client():
    return create_app(fake_services()).test_client()


async def test_the_document_tells_its_version(client):
    """The document is of the version of SMSP that serves it."""
    response = await client.get("/openapi.json")
    assert response.status_code == 200
    assert response.content_type == "application/json"
    document = await response.get_json()
    assert document["openapi"].startswith("3.1.")
    assert document["info"]["version"] == "1.2.3"


async def test_the_document_has_two_addresses(client):
    """What is at /swagger.json, where the first SMSP had it, is the same to the byte."""
    ours = await client.get("/openapi.json")
    theirs = await client.get("/swagger.json")
    assert await ours.get_data() == await theirs.get_data()


async def test_the_document_may_be_read_by_pages_elsewhere(client):
    """A page of another origin, such as somebody's own Swagger UI, may read the document."""
    response = await client.get("/openapi.json", headers={"Origin": "https://docs.example.com"})
    assert response.headers["Access-Control-Allow-Origin"] == "*"


async def test_the_page_shows_swagger_ui(client):
    """/docs is a page with a place for Swagger UI and the two scripts that fill it."""
    response = await client.get("/docs")
    page = await response.get_data(as_text=True)
    assert response.content_type == "text/html; charset=utf-8"
    assert '<main id="swagger-ui">' in page
    assert [re.sub(r"\?.*", "", script) for script in re.findall('<script src="(.+?)"', page)] == [
        "/docs/assets/swagger-ui-bundle.js",
        "/docs/assets/docs.js",
    ]


async def test_the_page_asks_no_other_host(client):
    """Everything the page refers to is a path on this host, and the browser is told to insist."""
    response = await client.get("/docs")
    page = await response.get_data(as_text=True)
    assert all(at.startswith("/") for at in _addresses(page))
    policy = response.headers["Content-Security-Policy"]
    assert policy == CONTENT_SECURITY_POLICY
    assert "http" not in policy
    assert "*" not in policy


async def test_no_script_stands_in_the_page(client):
    """The policy forbids inline scripts and eval, and the page does not need them."""
    response = await client.get("/docs")
    page = await response.get_data(as_text=True)
    assert "script-src 'self';" in response.headers["Content-Security-Policy"]
    assert re.findall(r"<script[^>]*>([^<]+)", page) == []
    assert re.findall(r"\son\w+=", page) == []


async def test_the_page_starts_with_our_document():
    """The initialiser loads the document from here and sends it to no validator."""
    response = await create_app(fake_services()).test_client().get("/docs/assets/docs.js")
    script = await response.get_data(as_text=True)
    assert 'url: "/openapi.json"' in script
    assert "validatorUrl: null" in script
    assert "persistAuthorization: false" in script


async def test_whatever_the_page_refers_to_is_there(client):
    """Every address in the page is answered, and its version makes it good for ever."""
    page = await (await client.get("/docs")).get_data(as_text=True)
    assets = [at for at in _addresses(page) if at.startswith("/docs/assets/")]
    assert len(assets) == len(ASSETS)
    for at in assets:
        response = await client.get(at)
        assert response.status_code == 200, at
        assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"


@pytest.mark.parametrize("query", ["", "?v=", "?v=0123456789abcdef"])
async def test_an_asset_of_no_or_another_version_is_not_kept(client, query):
    """Without its own version in the address, a cache has to ask again the next time."""
    response = await client.get(f"/docs/assets/docs.js{query}")
    assert response.headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize(("name", "content_type"), ASSETS.items())
async def test_an_asset_says_what_it_is(client, name, content_type):
    """Browsers get the right content type, and are told not to guess another."""
    response = await client.get(f"/docs/assets/{name}")
    assert response.content_type == content_type
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert await response.get_data()


@pytest.mark.parametrize(
    "name",
    ["index.html", "oauth2-redirect.html", "LICENSE", "..%2fdocs.py", "%2e%2e", "docs.js%00"],
)
async def test_no_other_file_is_served(client, name):
    """What is not on the list is not there, wherever the name points to."""
    response = await client.get(f"/docs/assets/{name}")
    assert response.status_code == 404
    assert orjson.loads(await response.get_data())["code"] == "not_found"


async def test_each_application_has_its_own_document():
    """Two applications in one process do not share what they keep."""
    versions = ("1.0.0", "2.0.0")
    clients = [create_app(fake_services(version=one)).test_client() for one in versions]
    documents = [await (await client.get("/openapi.json")).get_json() for client in clients]
    assert [document["info"]["version"] for document in documents] == list(versions)


_addresses = partial(re.findall, r'(?:src|href)="([^"]+)"')
