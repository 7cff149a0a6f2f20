"""The owner is told about the first fetch by a new target, whatever came before it."""

from bot.core.ports.registry import Tags
from bot.core.workflows.fetch import fetch_tags
from bot.core.workflows.tokens import identify_caller
from tests.core.actors import ACME
from tests.fakes.people import ADMIN, COLLEAGUE, MEMBER
from tests.features.test_granting import deliver, fetch, token


def test_owner_hears_of_a_new_target_once(free):
    """The owner is told about a target's first fetch; several within a minute are one message."""
    texts = [token(free, ADMIN, target) for target in ("web-shop", "billing")]
    [fetch(free, text) for text in (*texts, *texts)]
    deliver(free)
    shown = free.seen(MEMBER)
    [fetch(free, text) for text in texts]
    deliver(free)

    assert "`project web-shop` fetched *my_registry* for the first time." in shown.text
    assert "`project billing` fetched *my_registry* for the first time." in shown.text
    assert len(free.slack.called("chat.postMessage")) == 1


def test_owner_hears_of_the_first_fetch_after_tags_and_notes(free, registry):
    """A target that only read tags, or was only noted, is announced once, when it fetches the login."""
    registry.found = Tags("team/app", ("1",))
    text, noted = token(free, ADMIN), token(free, ADMIN, "billing")
    free.command("link my_registry project billing", COLLEAGUE)
    deliver(free)
    before = len(free.slack.called("chat.postMessage"))
    ports = free.services.ports
    fetch_tags(
        ports, identify_caller(ports.store, text, "my_registry", ports.now()), "my_registry", "team/app"
    )
    deliver(free)
    untold = len(free.slack.called("chat.postMessage"))
    [fetch(free, each) for each in (text, noted, text, noted)]
    deliver(free)
    shown = free.seen(MEMBER).text

    assert untold == before
    assert "`project web-shop` fetched *my_registry* for the first time." in shown
    assert "`project billing` fetched *my_registry* for the first time." in shown
    [fetch(free, each) for each in (text, noted)]
    deliver(free)
    assert len(free.slack.called("chat.postMessage")) == before + 1


def test_owner_may_switch_that_off(free):
    """After one press, new targets of this integration are no longer announced."""
    fetch(free, token(free, ADMIN))
    deliver(free)
    free.press("Stop telling me about new targets", on=free.seen(MEMBER))
    fetch(free, token(free, ADMIN, "billing"))
    deliver(free)

    assert len(free.slack.called("chat.postMessage")) == 1


def test_nothing_of_a_deleted_integration_stays_in_the_settings(free, registry):
    """What an owner chose for an integration, and what is remembered of it, goes with it."""
    registry.found = Tags("team/app", ("1",))
    free.command("tags my_registry team/app")
    fetch(free, token(free, ADMIN))
    deliver(free)
    free.press("Stop telling me about new targets", on=free.seen(MEMBER))
    integration_id = free.find("my_registry").id
    free.command("delete my_registry")
    free.press("Remove")
    free.press("Yes")

    assert free.find("my_registry") is None
    assert not [name for name in free.store.read(ACME).settings.all() if integration_id in name]
