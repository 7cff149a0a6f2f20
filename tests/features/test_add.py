"""Adding an integration: the form, its check, and every reason not to store."""

from tests.fakes.people import MEMBER

FORM = {
    "Integration Name": "my_registry",
    "URL": "https://registry.example.com",
    "Username": "ci",
    "Password": "correct horse",
}


def test_saved_form_becomes_the_fixed_sentence(team):
    """A login that works is stored, and the form says where it is available from now on."""
    team.command("add private")
    saved = team.submit(FORM)

    assert (
        "The integration will now be available to all your continuous integration and deployment workflows."
        in saved.text
    )
    assert team.store.integration_named(team.actor().workspace, "my_registry").owner == MEMBER
