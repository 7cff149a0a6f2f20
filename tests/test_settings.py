"""The settings: defaults, shapes, and sentences that name what is wrong."""

from ipaddress import ip_network
from pathlib import Path

import pytest

from bot.core.errors import SettingsError
from bot.core.secrets import Secret
from bot.settings import PRIVATE_NETWORKS, Settings, SlackOAuth, StoreSettings, keep_from_bolt

ENOUGH = {
    "SLACK_BOT_TOKEN": "xoxb-1",
    "SLACK_SIGNING_SECRET": "signing",
    "QUAYMASTER_KEYS_FILE": "/etc/quaymaster.keys",
}

EVERYTHING = ENOUGH | {
    "SLACK_APP_TOKEN": "xapp-1",
    "SLACK_API_URL": "http://127.0.0.1:8080/api",
    "HOST": "0.0.0.0",
    "PORT": "8443",
    "QUAYMASTER_DATA_DIR": "/var/lib/quaymaster",
    "QUAYMASTER_TRUSTED_PROXY": "127.0.0.1",
    "QUAYMASTER_BASE_URL": "https://quaymaster.example.com/",
    "QUAYMASTER_ADMINS": "U1, W2",
    "QUAYMASTER_EDITORS": "U3,S4,",
    "QUAYMASTER_ALLOWED_NETWORKS": "127.0.0.1,10.0.0.0/8",
    "QUAYMASTER_METRICS": "[::1]:9464",
    "QUAYMASTER_WATCH": "off",
    "QUAYMASTER_RATE_LIMIT": "120",
    "QUAYMASTER_SECRET_ENTRY": "page",
    "LOG_LEVEL": "debug",
}

WRONG = [
    ("QUAYMASTER_DEFAULT_ACCESS", "everybody"),
    ("DATABASE_URL", "mysql://db/quaymaster"),
    ("LOG_LEVEL", "LOUD"),
    ("PORT", "65536"),
    ("PORT", "-1"),
    ("PORT", "٣"),
    ("QUAYMASTER_ADMINS", "@ann"),
    ("QUAYMASTER_ALLOWED_NETWORKS", "10.0.0.1/8"),
    ("QUAYMASTER_ALLOWED_NETWORKS", "example.com"),
    ("QUAYMASTER_BASE_URL", "quaymaster.example.com"),
    ("QUAYMASTER_BASE_URL", "https://user@quaymaster.example.com"),
    ("QUAYMASTER_EDITORS", "U1;U2"),
    ("QUAYMASTER_KEYS", "another"),
    ("QUAYMASTER_KEYS_FILE", ""),
    ("SLACK_API_URL", "http://slack.example.com/api/"),
    ("SLACK_API_URL", "https://slack.com:http/api/"),
    ("SLACK_APP_TOKEN", "xoxb-1"),
    ("SLACK_BOT_TOKEN", ""),
    ("SLACK_BOT_TOKEN", "xapp-1"),
    ("SLACK_BOT_TOKEN", "xoxb-1 xoxb-2"),
    ("SLACK_SIGNING_SECRET", " "),
    ("QUAYMASTER_TRUSTED_PROXY", "*"),
    ("QUAYMASTER_TRUSTED_PROXY", "proxy.example.com"),
    ("QUAYMASTER_METRICS", "9464"),
    ("QUAYMASTER_METRICS", "localhost:https"),
    ("QUAYMASTER_WATCH", "sometimes"),
    ("QUAYMASTER_SECRET_ENTRY", "paper"),
    ("QUAYMASTER_SECRET_ENTRY", "page"),
    ("QUAYMASTER_RATE_LIMIT", "0"),
    ("QUAYMASTER_RATE_LIMIT", "many"),
    ("QUAYMASTER_RATE_LIMIT", "12345678"),
]


def test_few_settings_are_enough():
    """A bot token, a signing secret and a key file are enough; everything else has a default."""
    settings = Settings.from_env(ENOUGH)

    assert settings == Settings(
        slack_bot_token=Secret("xoxb-1"),
        slack_signing_secret=Secret("signing"),
        keys_file=Path("/etc/quaymaster.keys"),
        data_dir=Path("data"),
        slack_api_url="https://slack.com/api/",
        host="127.0.0.1",
        port=3000,
        allowed_networks=PRIVATE_NETWORKS,
        rate_limit=30,
        log_level="INFO",
    )


def test_every_setting_is_read():
    """Each setting of the environment reaches its field, in one form."""
    settings = Settings.from_env(EVERYTHING)

    assert settings == Settings(
        slack_bot_token=Secret("xoxb-1"),
        slack_signing_secret=Secret("signing"),
        slack_app_token=Secret("xapp-1"),
        slack_api_url="http://127.0.0.1:8080/api/",
        host="0.0.0.0",
        port=8443,
        keys_file=Path("/etc/quaymaster.keys"),
        data_dir=Path("/var/lib/quaymaster"),
        trusted_proxy="127.0.0.1",
        base_url="https://quaymaster.example.com",
        admins=("U1", "W2"),
        editors=("U3", "S4"),
        allowed_networks=(ip_network("127.0.0.1/32"), ip_network("10.0.0.0/8")),
        metrics=("::1", 9464),
        is_watching=False,
        is_secret_entered_on_page=True,
        rate_limit=120,
        log_level="DEBUG",
    )


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_wrong_setting_is_named(name, value):
    """A missing or wrong setting is refused in one sentence that names it."""
    with pytest.raises(SettingsError) as refusal:
        Settings.from_env(ENOUGH | {name: value})

    assert name in str(refusal.value)
    assert str(refusal.value).count(". ") == 0


@pytest.mark.parametrize("name", ["SLACK_BOT_TOKEN", "SLACK_APP_TOKEN"])
def test_refusal_does_not_repeat_secrets(name):
    """A token in the wrong place is not repeated in the sentence that refuses it."""
    with pytest.raises(SettingsError) as refusal:
        Settings.from_env(ENOUGH | {name: "marker-4711"})

    assert "marker-4711" not in str(refusal.value)


def test_socket_mode_needs_no_signing_secret():
    """With an app token the signing secret may be missing."""
    settings = Settings.from_env(ENOUGH | {"SLACK_APP_TOKEN": "xapp-1", "SLACK_SIGNING_SECRET": ""})

    assert settings.slack_signing_secret is None


INSTALLS = {
    "SLACK_CLIENT_ID": "1.2",
    "SLACK_CLIENT_SECRET": "marker-client-secret",
    "SLACK_SIGNING_SECRET": "signing",
    "QUAYMASTER_KEYS": "key",
}


def test_installs_need_no_bot_token():
    """With a client id and secret each workspace brings its own token; the redirect URL follows."""
    settings = Settings.from_env(INSTALLS | {"QUAYMASTER_BASE_URL": "https://q.example.com/"})

    assert settings.slack_bot_token is None
    assert settings.oauth == SlackOAuth(
        client_id="1.2",
        client_secret=Secret("marker-client-secret"),
        redirect_uri="https://q.example.com/slack/oauth_redirect",
    )
    assert "marker" not in repr(settings)
    assert Settings.from_env(INSTALLS).oauth.redirect_uri is None
    assert Settings.from_env(ENOUGH).oauth is None


CONFLICTS = [
    ({"SLACK_APP_TOKEN": "xapp-1"}, "Socket Mode serves one workspace or one org-wide install"),
    ({"SLACK_BOT_TOKEN": "xoxb-1"}, "remove SLACK_BOT_TOKEN to serve each workspace"),
    ({"SLACK_CLIENT_SECRET": ""}, "SLACK_CLIENT_SECRET is not set"),
    ({"SLACK_CLIENT_ID": ""}, "SLACK_BOT_TOKEN is not set"),
    ({"SLACK_CLIENT_ID": "", "SLACK_BOT_TOKEN": "xoxb-1"}, "SLACK_CLIENT_ID is not set"),
    ({"SLACK_SIGNING_SECRET": ""}, "SLACK_SIGNING_SECRET is not set"),
    ({"SLACK_REDIRECT_URI": "quaymaster"}, "SLACK_REDIRECT_URI is not an address"),
]


@pytest.mark.parametrize(("more", "said"), CONFLICTS)
def test_settings_that_exclude_each_other_are_named(more, said):
    """What serves one workspace and what serves several do not go together, and one sentence says so."""
    with pytest.raises(SettingsError, match=said) as refusal:
        Settings.from_env(INSTALLS | more)

    assert str(refusal.value).count(". ") == 0
    assert "marker" not in str(refusal.value)


def test_keys_in_the_environment():
    """The keys may stand in the environment themselves, the first being the one that seals."""
    settings = StoreSettings.from_env({"QUAYMASTER_KEYS": "first, second"})

    assert settings.keys == (Secret("first"), Secret("second"))
    assert settings.keys_file is None


def test_settings_show_no_secret():
    """The settings can be printed without giving a secret away."""
    shown = repr(Settings.from_env(EVERYTHING))

    assert "xoxb-1" not in shown
    assert "xapp-1" not in shown
    assert "signing" not in shown.replace("slack_signing_secret", "")


def test_bolt_finds_nothing_in_the_environment():
    """Once read, what Bolt would take up by itself is taken out of the environment; the rest stays."""
    environ = EVERYTHING | {"SLACK_CLIENT_ID": "1.2", "SLACK_CLIENT_SECRET": "c"}
    keep_from_bolt(environ)

    assert [name for name in environ if name.startswith("SLACK_")] == ["SLACK_APP_TOKEN", "SLACK_API_URL"]
    assert environ["PORT"] == "8443"
