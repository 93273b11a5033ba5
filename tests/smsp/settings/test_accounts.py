"""Which providers there are, and whose variable is whose."""

from __future__ import annotations

import pytest

from smsp.providers import KINDS, UNNAMED
from smsp.settings import load
from smsp.settings.kinds import own_settings
from tests.kit.environments import MAILGUN, PIGEON, doubts_of, loaded, mistakes_in

OWL = {"SMSP_OWL_TOKEN": "owl-secret", "SMSP_OWL_LOFT_NAME": "barn"}
TWO = {
    "SMSP_API_KEY": PIGEON["SMSP_API_KEY"],
    "SMSP_POLL_MESSAGE_ADDRESS": "poll@example.org",
    "SMSP_PROVIDERS": "pigeon-us,pigeon",
    "SMSP_PIGEON_US_KIND": "pigeon",
    "SMSP_PIGEON_US_TOKEN": "us-secret",
    "SMSP_PIGEON_US_LOFT_NAME": "west",
    "SMSP_PIGEON_TOKEN": "pigeon-secret",
    "SMSP_PIGEON_LOFT_NAME": "north",
}
NO_NAME = "no name: 1 to 32 lower-case letters, digits and hyphens, a letter first"
NO_KIND = "neither a kind nor a name with a SMSP_<NAME>_KIND:"


def names(settings):
    return [provider.name for provider in settings.providers]


def test_kinds_in_the_order_of_the_first_smsp():
    """Mailgun goes first, then SendGrid."""
    assert list(KINDS)[:2] == ["mailgun", "sendgrid"]


def test_without_names_the_kinds_with_credentials_are_used():
    """In the order of the registry, whatever the order in the environment."""
    assert names(loaded({**OWL, **PIGEON})) == ["pigeon", "owl"]
    assert names(loaded(PIGEON)) == ["pigeon"]


def test_a_kind_that_needs_a_name_is_not_used_for_its_credentials():
    """Who tries another provider out must say so: it takes no mail by itself."""
    settings = loaded({**PIGEON, **OWL}, unnamed=("owl",))

    assert names(settings) == ["owl"]
    unused = "not used, as their provider is not: SMSP_PIGEON_TOKEN, SMSP_PIGEON_LOFT_NAME"
    assert doubts_of(settings) == (unused,)


def test_only_the_kinds_of_the_first_smsp_need_no_name():
    """Credentials of any other are not enough."""
    environ = {"SMSP_RESEND_API_KEY": "resend-secret"}
    settings = load({**MAILGUN, **environ})
    base = {name: text for name, text in MAILGUN.items() if "MG" not in name}

    assert names(settings) == ["mailgun"]
    assert "not used, as their provider is not: SMSP_RESEND_API_KEY" in settings.warnings
    message = "is required: set SMSP_PROVIDERS=resend to use what is configured"
    assert mistakes_in({**base, **environ}, KINDS, UNNAMED) == {"SMSP_PROVIDERS": message}
    named = load({**base, **environ, "SMSP_PROVIDERS": "resend"})
    assert names(named) == ["resend"]


def test_the_first_smsp_s_variables_are_read():
    """Its users change nothing."""
    settings = load({**MAILGUN, "SMSP_SG_API_KEY": "sendgrid-secret"})
    mailgun, sendgrid = settings.providers

    assert mailgun.own == KINDS["mailgun"](api_key="mailgun-secret", domain="mg.example.org")
    assert sendgrid.own == KINDS["sendgrid"](api_key="sendgrid-secret")


def test_names_give_the_order():
    """The first named is the first asked."""
    assert names(loaded({**PIGEON, **OWL}, SMSP_PROVIDERS="owl, pigeon")) == ["owl", "pigeon"]


def test_no_provider_at_all_is_a_mistake():
    """SMSP without a provider can send nothing."""
    environ = {name: text for name, text in PIGEON.items() if "PIGEON" not in name}

    message = "is required, or the credentials of pigeon or owl"
    assert mistakes_in(environ) == {"SMSP_PROVIDERS": message}


def test_a_kind_half_configured_names_what_is_missing():
    """One variable set is a wish to use the kind."""
    environ = {name: text for name, text in PIGEON.items() if "LOFT" not in name}

    assert mistakes_in(environ) == {"SMSP_PIGEON_LOFT_NAME": "is required"}


def test_an_older_name_half_configured_names_what_is_missing():
    """The same for Mailgun's domain, under the name it has now."""
    environ = {name: text for name, text in MAILGUN.items() if "DOMAIN" not in name}

    assert mistakes_in(environ, KINDS) == {"SMSP_MAILGUN_DOMAIN": "is required"}


def test_several_accounts_of_one_kind():
    """Each has a name, and variables of its own; a variable belongs to the longest name."""
    us, pigeon = loaded(TWO).providers

    assert (us.name, us.kind, us.own.loft_name) == ("pigeon-us", "pigeon", "west")
    assert (pigeon.name, pigeon.kind, pigeon.own.loft_name) == ("pigeon", "pigeon", "north")


def test_the_longest_name_wins_a_variable():
    """What could belong to two providers belongs to the longer name, and must be right there."""
    found = mistakes_in({**TWO, "SMSP_PIGEON_US_WING": "north"})

    assert found == {"SMSP_PIGEON_US_WING": "must be 'left' or 'right'"}


def test_variables_of_a_kind_that_is_not_named_are_warned_about():
    """A provider can be taken out of the list without taking its credentials away."""
    settings = loaded({**PIGEON, **OWL}, SMSP_PROVIDERS="pigeon")

    assert names(settings) == ["pigeon"]
    assert doubts_of(settings) == (
        "not used, as their provider is not: SMSP_OWL_TOKEN, SMSP_OWL_LOFT_NAME",
    )


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("Pigeon", f"has in entry 1 {NO_NAME}"),
        ("pigeon,9", f"has in entry 2 {NO_NAME}"),
        ("p" * 33, f"has in entry 1 {NO_NAME}"),
        ("pigeon,", f"has in entry 2 {NO_NAME}"),
        ("pigeon,pigeon", "has in entry 2 a name that it has before"),
        ("events", "cannot have 'events', the path of the event stream"),
        ("service", "cannot have 'service': its variables look like those of a container link"),
        ("port-80", "cannot have 'port-80': its variables look like those of a container link"),
    ],
)
def test_what_is_no_name(text, fault):
    """A name is short, lower-case, said once, and free."""
    assert mistakes_in({**PIGEON, "SMSP_PROVIDERS": text}) == {"SMSP_PROVIDERS": fault}


@pytest.mark.parametrize(
    ("name", "captured"),
    [
        ("call", "SMSP_CALL_TIMEOUT"),
        ("max", "SMSP_MAX_BODY_BYTES"),
        ("poll", "SMSP_POLL_INTERVAL"),
        ("poll-interval", "SMSP_POLL_INTERVAL"),
        ("log", "SMSP_LOG_ADDRESSES"),
        ("api", "SMSP_API_KEY"),
        ("drain", "SMSP_DRAIN_DELAY"),
        ("host", "SMSP_HOST"),
        ("trip", "SMSP_TRIP"),
        ("tls", "SMSP_TLS_CERT"),
        ("mock", "SMSP_MOCK_EMAIL_SERVICE"),
        ("mg", "SMSP_MG_API_KEY"),
        ("providers", "SMSP_PROVIDERS"),
        ("protocol", "SMSP_PROTOCOL"),
    ],
)
def test_a_name_may_not_capture_a_variable_of_smsp_s_own(name, captured):
    """Otherwise one variable would mean two things; with _FILE at the end, too."""
    fault = f"cannot have {name!r}: it would capture {captured}, a variable of SMSP's own"

    assert mistakes_in({**PIGEON, "SMSP_PROVIDERS": name}) == {"SMSP_PROVIDERS": fault}


def test_all_faults_of_the_names_are_told():
    """One variable, one mistake, and all that is wrong with it."""
    found = mistakes_in({**PIGEON, "SMSP_PROVIDERS": "A,events"})

    assert found["SMSP_PROVIDERS"].count("; ") == 1


@pytest.mark.parametrize(
    ("more", "variable", "message"),
    [
        (
            {"SMSP_PROVIDERS": "grey"},
            "SMSP_GREY_KIND",
            "is required: one of pigeon, owl",
        ),
        (
            {"SMSP_PROVIDERS": "grey", "SMSP_GREY_KIND": "goose"},
            "SMSP_GREY_KIND",
            "must be one of: pigeon, owl",
        ),
        (
            {"SMSP_PIGEON_KIND": "owl"},
            "SMSP_PIGEON_KIND",
            "must be pigeon, or left out: the name is that of a kind",
        ),
    ],
)
def test_a_provider_is_of_a_known_kind(more, variable, message):
    """Until that is so, nothing is said about its other variables."""
    assert mistakes_in({**PIGEON, "SMSP_GREY_TOKEN": "x", **more})[variable] == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("pigoen", f"has in entry 1 {NO_KIND} did you mean pigeon?"),
        ("pigeon,owls", f"has in entry 2 {NO_KIND} did you mean owl?"),
        ("grey", f"has in entry 1 {NO_KIND} kinds are pigeon, owl"),
    ],
)
def test_a_misspelt_kind_suggests_the_right_one(text, message):
    """Where nothing else is set for that name, the name itself is what is wrong."""
    assert mistakes_in({**PIGEON, "SMSP_PROVIDERS": text}) == {"SMSP_PROVIDERS": message}


@pytest.mark.parametrize("kind", KINDS)
def test_two_letters_changed_over_suggest_every_kind(kind):
    """``sendgird`` is ``sendgrid``, and so with each of ours."""
    if len(kind) < 5:
        pytest.skip("of so few letters, most are changed over")
    text = kind[:-3] + kind[-2] + kind[-3] + kind[-1]
    found = mistakes_in({**PIGEON, "SMSP_PROVIDERS": text}, KINDS)
    assert found["SMSP_PROVIDERS"].endswith(f"did you mean {kind}?")


@pytest.mark.parametrize(
    "secret", ["sk-live-0123456789abcdef", "SG.aBcDeF_0123", "key0123,key4567", "pigeon,re-abcdef"]
)
def test_a_secret_in_place_of_a_name_is_not_told(secret):
    """Whatever stands there may be one: it is named by its place."""
    found = mistakes_in({**PIGEON, "SMSP_PROVIDERS": secret})
    assert list(found) == ["SMSP_PROVIDERS"]
    for part in secret.split(","):
        assert part == "pigeon" or part not in found["SMSP_PROVIDERS"].lower()
        assert part == "pigeon" or part not in found["SMSP_PROVIDERS"]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in UNNAMED])
def test_credentials_alone_say_which_name_to_set(kind):
    """Whoever has configured a provider and not named it is told what to set."""
    base = {name: text for name, text in MAILGUN.items() if "MG" not in name}
    variable = f"SMSP_{kind.upper()}_{own_settings(KINDS[kind])[0].setting}"
    found = mistakes_in({**base, variable: "x"}, KINDS, UNNAMED)
    message = f"is required: set SMSP_PROVIDERS={kind} to use what is configured"
    assert found["SMSP_PROVIDERS"] == message


def test_one_provider_is_few():
    """SMSP in front of a single provider starts, with a warning; two need none."""
    told = "pigeon is the only provider: while it fails, no mail is sent"
    assert loaded(PIGEON).warnings == (told,)
    assert loaded({**PIGEON, **OWL}).warnings == ()
    assert loaded().warnings == ()


def test_a_name_that_is_a_kind_may_say_so():
    """It is no mistake to be explicit."""
    assert names(loaded(PIGEON, SMSP_PIGEON_KIND="pigeon")) == ["pigeon"]


def test_old_and_new_spelling_may_agree():
    """During a change-over both are set."""
    (mailgun,) = load({**MAILGUN, "SMSP_MAILGUN_API_KEY": MAILGUN["SMSP_MG_API_KEY"]}).providers

    assert mailgun.own.api_key.get_secret_value() == "mailgun-secret"


def test_old_and_new_spelling_may_not_differ():
    """Nobody could say which is meant."""
    found = mistakes_in({**MAILGUN, "SMSP_MAILGUN_API_KEY": "other"}, KINDS)

    message = "differs from SMSP_MG_API_KEY, an older name for the same: keep one"
    assert found == {"SMSP_MAILGUN_API_KEY": message}


def test_a_mistake_has_the_name_that_was_used():
    """Somebody who wrote the older name finds it in the mistake."""
    found = mistakes_in({**MAILGUN, "SMSP_MG_DOMAIN": "no domain"}, KINDS)

    assert list(found) == ["SMSP_MG_DOMAIN"]
