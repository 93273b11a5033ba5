"""What holds for every variable: files, spelling, and what containers put beside it."""

from __future__ import annotations

import pytest

from smsp.settings import SettingsError, load
from smsp.settings.environment import FILE_BYTES_MAX, read_file
from tests.kit.environments import MAILGUN, MOCK, PIGEON, PIGEONS, loaded, mistakes_in


def without(environ, variable):
    return {name: text for name, text in environ.items() if name != variable}


def from_files(environ, files):
    """The settings, where ``files`` is all there is on disk."""

    def read(path):
        if path not in files:
            raise FileNotFoundError(2, "No such file or directory", path)
        return files[path]

    return load(environ, kinds=PIGEONS, unnamed=PIGEONS, read_file=read)


def mistakes_from_files(environ, files):
    with pytest.raises(SettingsError) as caught:
        from_files(environ, files)
    return {mistake.variable: mistake.message for mistake in caught.value.mistakes}


def test_a_variable_may_be_in_a_file():
    """Containers hand out secrets as files, most of which end with a line's end."""
    environ = {**without(MOCK, "SMSP_API_KEY"), "SMSP_API_KEY_FILE": "/run/key"}
    settings = from_files(environ, {"/run/key": b"a-key-out-of-a-file\n"})

    assert settings.api_key.get_secret_value() == "a-key-out-of-a-file"


def test_a_provider_s_variable_may_be_in_a_file():
    """The rule has no exceptions."""
    environ = {**without(PIGEON, "SMSP_PIGEON_TOKEN"), "SMSP_PIGEON_TOKEN_FILE": "/run/token"}
    (pigeon,) = from_files(environ, {"/run/token": b"t\r\n"}).providers

    assert pigeon.own.token.get_secret_value() == "t"


def test_an_older_name_may_be_in_a_file():
    """Also for the names that the first SMSP gave."""
    environ = {**without(MAILGUN, "SMSP_MG_API_KEY"), "SMSP_MG_API_KEY_FILE": "/run/key"}
    (mailgun,) = load(environ, read_file=lambda path: b"out-of-a-file").providers

    assert mailgun.own.api_key.get_secret_value() == "out-of-a-file"


def test_a_variable_and_its_file_are_one_too_many():
    """Which of them is meant cannot be told."""
    found = mistakes_in({**PIGEON, "SMSP_API_KEY_FILE": "/run/key"})

    assert found == {"SMSP_API_KEY": "is set twice, also by SMSP_API_KEY_FILE: keep one"}


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        ({}, "cannot be read: No such file or directory"),
        ({"/run/key": b"k" * (FILE_BYTES_MAX + 1)}, None),
        ({"/run/key": b"\xff\xfe"}, "holds no UTF-8 text"),
    ],
)
def test_a_file_that_gives_no_text_is_one_mistake(files, problem):
    """It is named by the variable that was set; that the key is then missing is no second one."""
    environ = {**without(MOCK, "SMSP_API_KEY"), "SMSP_API_KEY_FILE": "/run/key"}
    found = mistakes_from_files(environ, files)

    ending = "of more than 64 KiB" if problem is None else f"that {problem}"
    assert found == {"SMSP_API_KEY_FILE": f"names a file {ending}"}


def test_the_largest_file_is_taken():
    """64 KiB are enough for any secret."""
    environ = {**without(MOCK, "SMSP_API_KEY"), "SMSP_API_KEY_FILE": "/run/key"}
    settings = from_files(environ, {"/run/key": b"k" * FILE_BYTES_MAX})

    assert len(settings.api_key) == FILE_BYTES_MAX


def test_an_empty_file_counts_as_not_set():
    """Like an empty text."""
    environ = {**without(MOCK, "SMSP_API_KEY"), "SMSP_API_KEY_FILE": "/run/key"}

    assert mistakes_from_files(environ, {"/run/key": b"\n"}) == {"SMSP_API_KEY": "is required"}


def test_no_more_of_a_file_is_read_than_is_needed(tmp_path):
    """A device that never ends is too large a file, and not the end of SMSP."""
    path = tmp_path / "secret"
    path.write_bytes(b"x" * (2 * FILE_BYTES_MAX))

    assert len(read_file(str(path))) == FILE_BYTES_MAX + 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("key\nanother-line-of-it", "must be UTF-8 text without control characters"),
        ("key\x00", "must be UTF-8 text without control characters"),
        ("key\udcff", "must be UTF-8 text without control characters"),
        (" key", "must not begin or end with a space"),
        ("key ", "must not begin or end with a space"),
    ],
)
def test_a_text_that_was_damaged_on_its_way_is_one_mistake(text, message):
    """A line too many in a secret would end in a header."""
    assert mistakes_in({**PIGEON, "SMSP_PIGEON_TOKEN": text}) == {"SMSP_PIGEON_TOKEN": message}


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("SMSP_FAILOVRE", "SMSP_FAILOVER"),
        ("SMSP_CALL_TIMEOUT_S", "SMSP_CALL_TIMEOUT"),
        ("SMSP_APIKEY_FILE", "SMSP_API_KEY_FILE"),
        ("SMSP_PIGEON_TOKN", "SMSP_PIGEON_TOKEN"),
        ("SMSP_PIGEON_TIME_OUT", "SMSP_PIGEON_TIMEOUT"),
        ("SMSP_OWL_TOKENS", "SMSP_OWL_TOKEN"),
        ("SMSP_LOG_FORMAT", "SMSP_LOG_OUTPUT_FORMAT"),
    ],
)
def test_an_unknown_variable_is_a_mistake_with_the_nearest_name(name, nearest):
    """A typing error must not go unseen, and is soon put right."""
    message = f"is not a variable of SMSP; the nearest is {nearest}"

    assert mistakes_in({**PIGEON, name: "x"}) == {name: message}


def test_an_unknown_variable_is_one_even_when_empty():
    """The name alone shows that somebody meant something."""
    assert "SMSP_FAILOVRE" in mistakes_in({**PIGEON, "SMSP_FAILOVRE": ""})


def test_other_programs_variables_are_none_of_ours():
    """Only names that begin with SMSP_ are read."""
    assert loaded(PATH="/bin", SMSPX="1", smsp_port="1").port == 8080


def test_the_functional_tests_have_names_of_their_own():
    """They run beside a server in one environment."""
    assert loaded(SMSP_PROTOCOL="http", SMSP_HOST_PORT="localhost:8080").warnings == ()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("SMSP_PORT", "tcp://10.0.0.7:8080"),
        ("SMSP_SERVICE_HOST", "10.0.0.7"),
        ("SMSP_SERVICE_PORT_HTTP", "8080"),
        ("SMSP_PORT_8080_TCP", "tcp://10.0.0.7:8080"),
        ("SMSP_PORT_8080_TCP_ADDR", "10.0.0.7"),
        ("SMSP_CANARY_SERVICE_HOST", "10.0.0.8"),
        ("SMSP_CANARY_PORT", "tcp://10.0.0.8:8080"),
        ("SMSP_CANARY_PORT_8080_UDP_PROTO", "udp"),
        ("SMSP_NAME", "/web/smsp"),
        ("SMSP_ENV_PATH", "/bin"),
    ],
)
def test_what_containers_inject_is_ignored(name, text):
    """A Kubernetes Service or a Docker link by the name of smsp sets variables like ours."""
    settings = loaded(**{name: text})

    assert settings.port == 8080
    assert settings.warnings == (f"ignored, set by Kubernetes or a Docker link: {name}",)


def test_one_warning_names_all_that_is_ignored():
    """A service injects seven variables or more; they are one fact."""
    settings = loaded(SMSP_SERVICE_PORT="80", SMSP_SERVICE_HOST="10.0.0.7", SMSP_PORT="tcp://x:1")

    assert settings.warnings == (
        "ignored, set by Kubernetes or a Docker link: "
        "SMSP_PORT, SMSP_SERVICE_HOST, SMSP_SERVICE_PORT",
    )
