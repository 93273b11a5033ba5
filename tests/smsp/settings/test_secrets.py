"""Whatever the environment: settings or mistakes, and never a secret."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from smsp.settings import Mistake, Settings, SettingsError, load
from smsp.settings.model import OWN
from tests.kit.environments import KEY, MAILGUN, PIGEON, PIGEONS

SECRET = "Xq7-secret"
SECRET_VARIABLES = (
    "SMSP_API_KEY",
    "SMSP_API_KEYS",
    "SMSP_PIGEON_TOKEN",
    "SMSP_GREY_TOKEN",
    "SMSP_MG_API_KEY",
)

texts = st.one_of(
    st.sampled_from(
        ["", "1", "true", "mailgun", "pigeon,grey", "owl", "a@b.c", "any", "0.5", "\n"]
    ),
    st.text(max_size=20),
)
names = st.one_of(
    st.sampled_from([*OWN, *PIGEON, *MAILGUN]),
    st.sampled_from(["SMSP_PROVIDERS", "SMSP_GREY_KIND", "SMSP_PIGEON_BASE_URL", "SMSP_TRIP_FILE"]),
    st.text(max_size=12).map("SMSP_".__add__),
)


@given(st.dictionaries(names, texts, max_size=12), st.booleans(), st.binary(max_size=40))
def test_any_environment_gives_settings_or_mistakes(environ, complete, in_file):
    """Nothing an environment can hold is a crash."""
    found: Settings | tuple[Mistake, ...]
    try:
        found = load(
            {**(PIGEON if complete else {}), **environ},
            kinds=PIGEONS,
            unnamed=PIGEONS,
            read_file=lambda path: in_file,
        )
    except SettingsError as error:
        found = error.mistakes

    assert found


@given(st.dictionaries(names, texts, max_size=6), st.sampled_from(["", " ", "\n", "ü", "\ud800"]))
def test_no_secret_is_ever_shown(environ, ending):
    """Neither in the settings nor in a mistake, whether the secret is right or wrong."""
    environ |= {name: f"{SECRET}-{number}{ending}" for number, name in enumerate(SECRET_VARIABLES)}
    shown: Settings | SettingsError
    try:
        shown = load(environ, kinds=PIGEONS, unnamed=PIGEONS)
    except SettingsError as error:
        shown = error

    # What a traceback would print, too.
    assert SECRET not in f"{shown} {shown!r} {vars(shown)} {getattr(shown, '__context__', None)!r}"


def test_a_right_secret_is_not_shown_either():
    """And the code that needs it can have it."""
    settings = load(MAILGUN)
    (mailgun,) = settings.providers

    assert settings.api_key.get_secret_value() == KEY
    assert KEY not in f"{settings} {settings!r} {settings.model_dump()}"
    assert "mailgun-secret" not in f"{mailgun} {mailgun!r} {mailgun.own!r}"
