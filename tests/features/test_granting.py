"""A person grants, nobody else: requests of members, notes that owners allow, removals that hold."""

from dataclasses import replace

import pytest

from bot.core.errors import LinkedOnly, NotApproved, TargetRemoved, TokenRefused
from bot.core.model import Target, TargetKind
from bot.core.secrets import TOKEN_SHAPE
from bot.core.workflows.fetch import fetch_at, fetch_named
from bot.core.workflows.tokens import create_token, identify_caller
from bot.run.outbox import Outbox
from bot.run.schedule import review
from handlers.notify import draw_closed, draw_news
from tests.fakes.people import ADMIN, COLLEAGUE, GUEST, LEFT, MEMBER
from tests.features.team import ACME

WEB_SHOP = Target(TargetKind.PROJECT, "web-shop")


def token(team, user, target="web-shop"):
    """Make a token by the command; gives its text."""
    return TOKEN_SHAPE.search(team.command(f"token create project {target}", user).text)[0]


def fetch(team, text, name="my_registry"):
    """Fetch by name, as a pipeline does; what went wrong is raised."""
    ports = team.services.ports
    return fetch_named(ports, identify_caller(ports.store, text, name, ports.now()), name)


def deliver(team):
    """Let a minute pass, and send what waits."""
    team.slack.clock.advance(61)
    Outbox(team.services, draw_news, draw_closed).step()


def dependency(team):
    """How the project is related to the integration."""
    return team.store.read(ACME).dependencies.get(team.find("my_registry").id, WEB_SHOP)


def test_members_token_waits_for_an_admin(free):
    """A member's token fetches what others own only after an admin approved it."""
    text = token(free, COLLEAGUE)
    with pytest.raises(NotApproved, match="Ask an admin to approve token"):
        fetch(free, text)
    shown = free.command("token list", ADMIN)
    free.press(f"Approve token {text[3:11]}", ADMIN, on=shown)

    assert fetch(free, text).integration.name == "my_registry"
    assert free.events()[1][:2] == (ADMIN, "token.approve")


def test_token_of_the_owner_fetches_what_is_theirs(free):
    """What its creator owns needs no admin."""
    assert fetch(free, token(free, MEMBER)).integration.name == "my_registry"


def test_admins_token_needs_nobody(free):
    """An admin's token is approved when it is made."""
    assert fetch(free, token(free, ADMIN)).integration.name == "my_registry"


def test_declined_token_goes_on_being_refused(free):
    """The creator is told about the decline, and the token gains no access."""
    text = token(free, COLLEAGUE)
    free.press(f"Decline token {text[3:11]}", ADMIN, on=free.command("token list", ADMIN))
    deliver(free)

    assert "declined your workflow token" in free.seen(COLLEAGUE).text
    with pytest.raises(NotApproved):
        fetch(free, text)


def test_members_see_no_approve(free):
    """Only admins decide on requests."""
    token(free, COLLEAGUE)

    assert "Approve" not in free.command("token list", COLLEAGUE).buttons


def test_home_shows_requests_to_admins(free):
    """An admin doesn't have to search: requests are on the Home tab."""
    token(free, COLLEAGUE)

    assert "waiting for an admin:* 1" in free.open_home(ADMIN).text
    assert "wait for an admin" not in free.open_home(MEMBER).text


def test_admins_of_the_settings_are_told(make_team):
    """The people whom the settings name as admins get the request with its buttons."""
    team = make_team(admins=(ADMIN,))
    token(team, COLLEAGUE)
    deliver(team)
    shown = team.seen(ADMIN)
    team.press("Approve", ADMIN, on=shown)

    assert f"<@{COLLEAGUE}> created the workflow token" in shown.text
    assert team.command("token list").text.count("not approved yet") == 0


def test_link_by_another_is_a_note_until_the_owner_allows_it(free):
    """A note gives no right; the owner gets one message with Allow, and the member is told."""
    text = token(free, COLLEAGUE)
    noted = free.command("link my_registry project web-shop", COLLEAGUE)
    with pytest.raises(NotApproved):
        fetch(free, text)
    deliver(free)
    free.press("Allow", on=free.seen(MEMBER))
    deliver(free)

    assert "This link is only a note" in noted.text
    assert dependency(free).granted_by == MEMBER
    assert "allowed `project web-shop` to fetch *my_registry*" in free.seen(COLLEAGUE).text
    assert fetch(free, text).integration.name == "my_registry"


def test_allow_names_the_tokens_that_it_lets_in(free):
    """Somebody who allows a link to a closed integration is told which workflow tokens can now fetch it."""
    text = token(free, COLLEAGUE)
    form = free.command("edit my_registry")
    free.leave(form, form.menu("Linked targets only"), "Linked targets only")
    free.submit(on=form)
    free.close()
    free.command("link my_registry project web-shop", COLLEAGUE)
    deliver(free)
    shown = free.press("Allow", on=free.seen(MEMBER))

    assert f"`{text[3:11]}` by <@{COLLEAGUE}>" in shown.text


def test_note_is_asked_about_once(free):
    """Noting again sends no second message."""
    free.command("link my_registry project web-shop", COLLEAGUE)
    deliver(free)
    before = len(free.slack.called("chat.postMessage"))
    free.command("link my_registry project web-shop", COLLEAGUE)
    deliver(free)

    assert len(free.slack.called("chat.postMessage")) == before == 1


def test_owner_alone_does_not_take_anothers_login_away(free):
    """Where a link would replace the login of another owner, Allow says so, and allows nothing."""
    free.add("another", owner=ADMIN)
    free.command("link another project web-shop", ADMIN)
    free.command("link my_registry project web-shop", COLLEAGUE)
    deliver(free)
    shown = free.press("Allow", on=free.seen(MEMBER))

    assert "web-shop now gets its login from “another”, which somebody else owns." in shown.text
    assert dependency(free).granted_by is None
    assert free.events()[0] == (MEMBER, "dependency.allow", "refused")


def test_stranger_allows_nothing(free):
    """Only the owner and admins can allow, no matter who has the button."""
    free.command("link my_registry project web-shop", COLLEAGUE)
    deliver(free)
    free.press("Allow", COLLEAGUE, on=free.seen(MEMBER))

    assert dependency(free).granted_by is None


def test_fetch_while_open_gives_nothing_once_closed(free):
    """What a target fetched while an integration was open is no right to it."""
    text = token(free, ADMIN)
    fetch(free, text)
    free.command("edit my_registry")
    form = free.seen(MEMBER)
    free.leave(form, form.menu("Linked targets only"), "Linked targets only")
    free.submit(on=form)

    with pytest.raises(LinkedOnly):
        fetch(free, text)


def test_integration_can_be_closed_from_the_first_moment(team):
    """The add form has the menu, so nothing is open for even a second."""
    form = team.command("add private")
    team.leave(form, form.menu("Linked targets only"), "Linked targets only")
    shown = team.submit(
        {"Integration Name": "crown", "URL": "https://crown.example.com", "Username": "a", "Password": "b"}
    )

    assert team.find("crown").linked_only
    assert "workflows of the targets that you link to it" in shown.text


def test_remove_holds_beside_a_pipeline(free):
    """A target that was removed gets an error with the time, does not come back, and Yes deletes."""
    text = token(free, MEMBER)
    fetch(free, text)
    free.press("Remove project web-shop", on=free.command("delete my_registry"))
    with pytest.raises(TargetRemoved, match="project web-shop was removed from “my_registry” on 20"):
        fetch(free, text)
    free.press("Yes")

    assert free.find("my_registry") is None


def test_removal_names_the_tokens_that_stop(free):
    """Remove says which workflow tokens get an error from now on."""
    text = token(free, MEMBER)
    fetch(free, text)
    shown = free.press("Remove project web-shop", on=free.command("delete my_registry"))

    assert f"will now get an error: {text[3:11]}." in shown.text


def test_undo_puts_back_what_was_removed(linked):
    """Undo restores the dependency as it was: by whom, since when, its settings and its right."""
    before = dependency(linked)
    shown = linked.press("Remove project web-shop", on=linked.command("delete my_registry"))
    back = linked.press("Put back project web-shop", on=shown)

    assert dependency(linked) == before
    assert "Undo" not in back.buttons


def test_cancel_names_what_stays_removed(linked):
    """Cancel deletes nothing, and says what was removed all the same."""
    linked.press("Remove project web-shop", on=linked.command("delete my_registry"))
    shown = linked.press("Cancel")

    assert "`my_registry` was not deleted. What you removed stays removed: `project web-shop`." in shown.text


def test_remove_all_asks_first_and_removes_all(linked):
    """Remove all has a question of Slack's before it, and leaves Yes."""
    asked = linked.command("delete my_registry")
    shown = linked.press("Remove all", on=asked)

    assert '"title": {"type": "plain_text", "text": "Remove all?"' in asked.raw
    assert shown.buttons[:2] == ["Yes", "Cancel"]


def test_who_linked_is_told_of_a_removal(free):
    """Somebody is told when the owner removes their link."""
    free.command("link my_registry project web-shop", COLLEAGUE)
    free.press("Remove project web-shop", on=free.command("delete my_registry"))
    deliver(free)

    assert "removed `project web-shop`, which you linked, from *my_registry*" in free.seen(COLLEAGUE).text


def test_link_that_changes_a_login_asks_first(free):
    """Before a target gets another login, the person who links is asked, and Cancel links nothing."""
    free.command("link my_registry project web-shop")
    free.add("second")
    shown = free.command("link second project web-shop")
    uses = len(free.store.read(ACME).dependencies.of_target(WEB_SHOP))
    free.press("Link", on=shown)

    assert "now gets the login from *my_registry*" in shown.text
    assert uses == 1
    assert len(free.store.read(ACME).dependencies.of_target(WEB_SHOP)) == 2


def test_link_that_takes_a_login_away_asks_its_owner(free):
    """A member gives another team's target no login of their own: the owner of the present one decides."""
    free.command("link my_registry project web-shop")
    free.add("mine", owner=COLLEAGUE)
    shown = free.command("link mine project web-shop", COLLEAGUE)
    deliver(free)
    request = free.seen(MEMBER)
    before = free.command("which registry.example.com/a project web-shop").text
    free.press("Allow", on=request)
    mine = free.store.read(ACME).dependencies.get(free.find("mine").id, WEB_SHOP)

    assert "This link is only a note, because the target's login would change" in shown.text
    assert "*my_registry*" in before
    assert mine.granted_by == MEMBER


@pytest.mark.parametrize("typed", ["Web-Shop", "web-shp", "web--shop", "wab-shop", "web-sh0p"])
def test_target_that_looks_like_a_known_one_is_asked_about(linked, typed):
    """Another case or one letter more, less or other is asked about before a new target is made."""
    shown = linked.command(f"link my_registry project {typed}")

    assert shown.buttons == ["Link web-shop", f"{typed} is a different one", "Cancel"]
    assert linked.command(f"token create project {typed}").buttons == [
        "For web-shop",
        f"{typed} is a different one",
    ]


def test_another_one_is_made_when_it_is_meant(linked):
    """Two targets may look alike, when a person says so."""
    linked.press("web-shp is a different one", on=linked.command("link my_registry project web-shp"))

    assert "web-shp" in linked.command("targets").text


def test_targets_that_count_up_are_not_asked_about(linked):
    """Numbers at the end tell targets apart."""
    linked.command("link my_registry project shop-1")

    assert "now depends" in linked.command("link my_registry project shop-2").text


def test_admin_merges_two_targets(linked):
    """Renaming a target to an existing name merges the two, with their links and tokens."""
    linked.link("my_registry", "project", "webshop2000")
    text = token(linked, MEMBER, "webshop2000")
    refused = linked.command("targets rename project webshop2000 web-shop", COLLEAGUE)
    linked.command("targets rename project webshop2000 web-shop", ADMIN)
    linked.press("Merge", ADMIN)

    assert "Only a workspace admin may rename targets." in refused.text
    assert "webshop2000" not in linked.command("targets project").text
    assert fetch(linked, text).integration.name == "my_registry"


def test_merging_lifts_no_removal(linked):
    """What was removed from a target stays removed when it is merged into one that somebody only noted."""
    text = token(linked, ADMIN)
    linked.command("unlink my_registry project web-shop")
    linked.command("link my_registry project checkout", COLLEAGUE)
    linked.command("targets rename project web-shop checkout", ADMIN)
    linked.press("Merge", ADMIN)

    with pytest.raises(TargetRemoved):
        fetch(linked, text)


def test_closed_registry_opens_nothing_to_others(free, registry):
    """Only the owner and admins can view the repositories of a closed integration."""
    form = free.command("edit my_registry")
    free.leave(form, form.menu("Linked targets only"), "Linked targets only")
    free.submit(on=form)
    free.close()
    tags, tested = [
        free.command(typed, COLLEAGUE) for typed in ("tags my_registry a/b", "test my_registry a/b")
    ]

    assert "only its owner and admins may do this" in tags.text
    assert "only its owner and admins may do this" in tested.text
    assert registry.checked == []


def test_sweep_is_a_group_of_its_own(free):
    """What was fetched only together with other logins is listed apart, until it is fetched alone."""
    free.add("other", url="https://other.example.com")
    text = token(free, ADMIN)
    [fetch(free, text, name) for name in ("my_registry", "other")]
    swept = free.command("delete my_registry").text
    free.slack.clock.advance(60)
    fetch(free, text)
    alone = free.command("delete my_registry").text

    other = free.command("delete other").text
    [fetch(free, text, name) for name in ("other", "my_registry")]
    still = free.command("delete other").text

    assert "Only ever fetched together with other logins" in swept
    assert "a build that pulls from one registry and pushes to another behaves the same way" in swept
    assert "Only ever fetched together with other logins" not in alone
    assert "Only ever fetched together with other logins" in other
    assert "Only ever fetched together with other logins" in still


def test_fetch_makes_nobody_a_noter(make_team):
    """Allow in an old message grants nothing once its note is gone and only a fetch is recorded."""
    team = make_team(admins=(ADMIN,))
    team.change_person(GUEST, is_restricted=False)
    team.add("crown", MEMBER)
    close(team, "crown")
    team.add("mine", COLLEAGUE)
    team.command("link mine project web-shop", COLLEAGUE)
    pipeline = token(team, MEMBER)
    fetch(team, pipeline, "crown")
    team.command("link crown project web-shop", GUEST)
    deliver(team)
    asked = team.seen(COLLEAGUE)
    team.command("unlink crown project web-shop", GUEST)
    spy = token(team, COLLEAGUE)
    fetch(team, pipeline, "crown")
    refused = team.press("Allow", COLLEAGUE, on=asked)

    assert "Only its owner or a workspace admin may allow" in refused.text
    with pytest.raises(LinkedOnly):
        fetch(team, spy, "crown")


def test_closing_shows_who_remains(linked):
    """Closing shows every target and token that may fetch it all the same, each with Remove."""
    text = token(linked, MEMBER)
    form = linked.command("edit my_registry")
    linked.leave(form, form.menu("Linked targets only"), "Linked targets only")
    linked.submit(on=form)
    shown = linked.press("Who may still fetch it")
    left = linked.press("Remove project web-shop", on=shown)

    assert f"tokens: `{text[3:11]}`" in shown.text
    assert shown.buttons == ["Remove"] * 3
    assert left.buttons == ["Remove"] * 2
    with pytest.raises(TargetRemoved):
        fetch(linked, text)


def test_token_of_a_deactivated_creator_stops(make_team):
    """The tokens of somebody who left fetch nothing after the grace period, and the admins are told."""
    team = make_team(admins=(ADMIN,))
    team.add("my_registry", owner=LEFT)
    text, _ = create_token(team.services.ports, team.actor(LEFT), WEB_SHOP, 90)
    review(team.services)
    team.slack.clock.advance(7 * 24 * 3600)
    review(team.services)
    deliver(team)

    assert "is no longer a full member, so their workflow token" in team.seen(ADMIN).text
    with pytest.raises(TokenRefused):
        fetch(team, text.reveal())


def test_token_that_an_admin_made_before_counts_as_approved(free):
    """An admin's token from before approvals is approved automatically; a member's keeps waiting."""
    texts = [token(free, user) for user in (ADMIN, COLLEAGUE)]
    with free.store.change(ACME) as change:
        change.put(replace(change.tokens.get(texts[0][3:11]), approved_by=None))
    review(free.services)

    assert fetch(free, texts[0])
    with pytest.raises(NotApproved):
        fetch(free, texts[1])


def test_closed_integration_is_its_owners_tokens_too(free):
    """A token reaches what its creator owns, closed or not; a colleague's token does not."""
    close(free)

    assert fetch(free, token(free, MEMBER)).integration.name == "my_registry"
    with pytest.raises(LinkedOnly):
        fetch(free, token(free, COLLEAGUE, "billing"))


def test_closing_names_the_owners_own_tokens(free):
    """What only the owner's own token lets in is named, and Remove shuts it out."""
    text = token(free, MEMBER)
    close(free)
    shown = free.press("Who may still fetch it")
    left = free.press("Remove project web-shop", on=shown)

    assert (
        f"has access through tokens that the integration's owner, <@{MEMBER}>, created"
        f"  ·  tokens: `{text[3:11]}`" in shown.text
    )
    assert "Nobody: link a target to it." in left.text
    with pytest.raises(TargetRemoved):
        fetch(free, text)


def test_closed_one_of_the_owners_leaves_an_open_one_clear(free):
    """A closed integration of the creator's does not make the open one of the same server ambiguous."""
    close(free)
    free.add("another", owner=COLLEAGUE)
    server = free.find("another").server
    ports = free.services.ports
    caller = identify_caller(ports.store, token(free, MEMBER), server, ports.now())
    free.press(f"Approve token {caller.token.id}", ADMIN, on=free.command("token list", ADMIN))
    approved = replace(caller, token=ports.store.read(ACME).tokens.get(caller.token.id))

    assert fetch_at(ports, approved, server).integration.name == "another"


def close(team, name="my_registry"):
    """Leave the integration to linked targets."""
    form = team.command(f"edit {name}")
    team.leave(form, form.menu("Linked targets only"), "Linked targets only")
    team.submit(on=form)
