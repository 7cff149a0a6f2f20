"""Secrets that are entered on a page outside Slack: one person, one integration and version, 10 minutes."""

import io
import json

import pytest

from bot.core.integrations.credentials import open_credential
from bot.run.outbox import Outbox
from bot.slack.members import actor_finder
from bot.web.secret_page import EntryRates, secret_page
from handlers.notify import draw_closed, draw_news
from tests.fakes.browser_side import parts_of, proof_of, sealed
from tests.fakes.people import ADMIN, COLLEAGUE, GUEST, MEMBER
from tests.fakes.scripted_registry import PROVED, REJECTED
from tests.features.team import ACME, TYPED
from tests.features.test_add import FORM

BASE = "https://quaymaster.example.com"
NEW = "battery staple 4711"


class Visitor:
    """A browser that asks the page."""

    def __init__(self, team):
        self.page = secret_page(
            team.services,
            actor_finder(team.services),
            EntryRates(lambda: team.services.ports.now().timestamp()),
        )

    def ask(self, method, path, body=None, content_type="application/json"):
        """Send a request; gives status, headers and body."""
        return self.send(method, path, json.dumps(body).encode() if body is not None else b"", content_type)

    def send(self, method, path, raw, content_type="application/json"):
        """Send a request with a body as it is."""
        environ = {
            "REQUEST_METHOD": method,
            "PATH_INFO": path,
            "CONTENT_TYPE": content_type,
            "REMOTE_ADDR": "192.0.2.1",
            "wsgi.input": io.BytesIO(raw),
        }
        began = []
        parts = self.page(environ, lambda status, headers: began.append((int(status[:3]), dict(headers))))
        return (*began[0], b"".join(parts))

    def enter(self, url, **entered):
        """Enter a secret; gives the status and what the page reads."""
        status, _, answer = self.ask("POST", parts_of(url)[0], sealed(url, **entered))
        return status, json.loads(answer)

    def look(self, url):
        """What the page asks for."""
        path, public = parts_of(url)
        status, _, answer = self.ask("POST", f"{path}/form", {"proof": proof_of(public)})
        return status, json.loads(answer)


def url_in(shown):
    """The link that a message carries."""
    return next(one.element["url"] for one in shown.controls if one.element.get("url"))


def password(team, name="my_registry"):
    """The stored password."""
    return open_credential(team.services.ports.keyring, ACME, team.find(name))["password"].reveal()


@pytest.fixture
def office(make_team):
    """A team whose operator has named the server's address; a member owns an integration."""
    team = make_team(admins=(ADMIN,), base_url=BASE)
    team.add("my_registry")
    return team


@pytest.fixture
def visitor(office):
    """A browser."""
    return Visitor(office)


@pytest.fixture
def link(office):
    """A link that the owner made from the edit form."""
    office.command("edit my_registry")
    return url_in(office.press("Enter the secret outside Slack"))


def test_secret_is_entered(office, visitor, link):
    """What is entered on the page replaces the secret, after the same check, and nothing else."""
    before = office.find("my_registry")
    status, answer = visitor.enter(link, password=NEW)
    after = office.find("my_registry")

    assert (status, answer) == (200, {"name": "my_registry"})
    assert password(office) == NEW
    assert (after.username, after.server, after.linked_only) == (
        before.username,
        before.server,
        before.linked_only,
    )
    assert after.check is not None


def test_page_says_what_to_enter(visitor, link):
    """The page names the integration, its server and the fields to anyone who has the complete link."""
    status, form = visitor.look(link)

    assert (status, form["name"], form["server"]) == (200, "my_registry", "registry.example.com")
    assert [one["key"] for one in form["fields"]] == ["password"]


def test_robots_use_nothing_up(visitor, link):
    """100 GETs by a preview robot get the same page, and the link still works."""
    path, public = parts_of(link)
    answers = {visitor.ask("GET", path)[2] for _ in range(100)}

    assert len(answers) == 1
    assert public.encode() not in answers.pop()
    assert visitor.enter(link, password=NEW)[0] == 200


def test_link_works_once(office, visitor, link):
    """The second submission changes nothing, and says that the link was used."""
    visitor.enter(link, password=NEW)
    status, answer = visitor.enter(link, password="another")

    assert (status, answer["message"]) == (410, "This link was already used.")
    assert password(office) == NEW


def test_link_ends(office, visitor, link):
    """After 10 minutes it is refused."""
    office.slack.clock.advance(601)
    status, answer = visitor.enter(link, password=NEW)

    assert (status, answer["message"]) == (410, "This link is older than 10 minutes.")
    assert password(office) == TYPED["password"]


def test_link_is_for_one_version(office, visitor, link):
    """After an edit the link is refused: it was created for the previous version."""
    office.close()
    office.command("edit my_registry")
    office.submit({"Integration Name": "renamed"})
    status, answer = visitor.enter(link, password=NEW)

    assert (status, "was changed after this link was created" in answer["message"]) == (410, True)
    assert password(office, "renamed") == TYPED["password"]


def test_link_of_the_deleted(office, visitor, link):
    """After a delete it is refused, and says so."""
    office.close()
    office.press("Yes", on=office.command("delete my_registry"))
    status, answer = visitor.enter(link, password=NEW)

    assert (status, answer["message"]) == (410, "“my_registry” is already gone.")


def test_link_of_somebody_who_left(office, visitor, link):
    """The person the link was created for must be a member at the moment of saving."""
    office.change_person(MEMBER, deleted=True)
    status, answer = visitor.enter(link, password=NEW)

    assert (status, "no longer a member" in answer["message"]) == (410, True)
    assert password(office) == TYPED["password"]


@pytest.mark.parametrize("wrong", ["proof", "ephemeral", "nonce", "sealed"])
def test_what_is_altered_is_refused(office, visitor, link, wrong):
    """A wrong key, or a message that was altered under way, saves nothing and uses nothing up."""
    body = sealed(link, password=NEW)
    altered = {**body, wrong: ("B" if body[wrong][0] == "A" else "A") + body[wrong][1:]}
    status, _, answer = visitor.ask("POST", parts_of(link)[0], altered)

    assert status == 410
    assert NEW.encode() not in answer
    assert password(office) == TYPED["password"]
    assert visitor.enter(link, password=NEW)[0] == 200


def test_link_without_its_key_says_nothing(visitor, link):
    """Without the fragment nobody learns what a link is for."""
    path, _ = parts_of(link)
    status, _, answer = visitor.ask("POST", f"{path}/form", {"proof": "0" * 64})

    assert status == 410
    assert b"my_registry" not in answer


def test_refused_login_leaves_the_link_usable(office, visitor, link, registry):
    """A secret that the registry refuses is said beside its field; the link can be used again."""
    registry.result = REJECTED
    refused = visitor.enter(link, password="wrong")
    registry.result = PROVED
    done = visitor.enter(link, password=NEW)

    assert refused[0] == 422
    assert refused[1]["fields"]["password"].startswith("The registry refused this credential.")
    assert done[0] == 200
    assert password(office) == NEW


def test_colleague_is_asked(office, visitor):
    """The colleague gets the link and enters the secret; the history names both."""
    shown = office.command(f"ask my_registry <@{COLLEAGUE}|lena>")
    link = url_in(office.seen(COLLEAGUE))
    status, _ = visitor.enter(link, password=NEW)
    history = office.command("history my_registry")

    assert "got a link" in shown.text
    assert status == 200
    assert password(office) == NEW
    assert f"<@{COLLEAGUE}> entered the secret of `my_registry` (asked by <@{MEMBER}>)" in history.text


def test_link_of_a_colleague_ends_with_the_right_of_who_asked(office, visitor):
    """When the one who asked has left, there is no right that a colleague could use."""
    office.command(f"ask my_registry <@{COLLEAGUE}|lena>")
    link = url_in(office.seen(COLLEAGUE))
    office.change_person(MEMBER, deleted=True)
    status, answer = visitor.enter(link, password=NEW)

    assert (status, answer["message"]) == (410, "The person who asked you for this has left.")
    assert password(office) == TYPED["password"]


def test_link_of_a_colleague_ends_with_a_new_owner(office, visitor):
    """When the one who asked has given the integration away, the link that they made saves nothing."""
    office.command(f"ask my_registry <@{COLLEAGUE}|lena>")
    link = url_in(office.seen(COLLEAGUE))
    office.command(f"give my_registry <@{ADMIN}|boss>", ADMIN)
    status, answer = visitor.enter(link, password=NEW)

    assert (status, "was changed after this link was created" in answer["message"]) == (410, True)
    assert password(office) == TYPED["password"]


def test_who_asked_hears_when_it_is_done(office, visitor):
    """The person who asked is told who entered it; the person who entered it gets no message."""
    office.command(f"ask my_registry <@{COLLEAGUE}|lena>")
    visitor.enter(url_in(office.seen(COLLEAGUE)), password=NEW)
    office.slack.clock.advance(61)
    Outbox(office.services, draw_news, draw_closed).step()

    assert f"<@{COLLEAGUE}> entered the secret of *my_registry*, as you asked." in office.seen().text
    assert "as you asked" not in office.seen(COLLEAGUE).text


def test_message_that_slack_does_not_deliver_is_said(office):
    """When Slack refuses the message with the link, the person who asked is told that nobody got it."""
    office.slack.failing["chat.postMessage"] = "cannot_dm_bot"
    shown = office.command(f"ask my_registry <@{COLLEAGUE}|lena>")

    assert "Slack did not confirm" in shown.text


@pytest.mark.parametrize("user", [COLLEAGUE, GUEST])
def test_only_who_may_edit_asks(office, user):
    """Somebody who may not edit an integration can't ask anyone for its secret."""
    office.command(f"ask my_registry <@{MEMBER}|somebody>", user)

    assert "secret.ask" not in [action for _, action, _ in office.events()]


def test_nobody_is_asked_while_a_rotation_runs(office, visitor):
    """A third secret would be refused in the end, so nobody is sent a link for it."""
    office.command("rotate my_registry")
    visitor.enter(url_in(office.press("Enter the secret outside Slack")), password=NEW)
    shown = office.command(f"ask my_registry <@{COLLEAGUE}>")

    assert "A rotation of “my_registry” is in progress" in shown.text
    assert office.slack.called("chat.postMessage") == []


def test_guests_are_not_asked(office):
    """A guest gets no link."""
    shown = office.command(f"ask my_registry <@{GUEST}|guest>")

    assert "cannot enter secrets" in shown.text


def test_new_integration_is_added_by_the_page(office, visitor):
    """From the add form: what was typed there and what is entered on the page become the integration."""
    office.command("add private")
    office.fill({**FORM, "Integration Name": "fresh", "URL": "https://fresh.example.com", "Password": ""})
    link = url_in(office.press("Enter the secret outside Slack"))
    status, answer = visitor.enter(link, password=NEW)

    assert (status, answer) == (200, {"name": "fresh"})
    assert password(office, "fresh") == NEW
    assert office.find("fresh").server.host == "fresh.example.com"


def test_link_of_an_addition_is_in_the_history_by_its_name(office):
    """The history names what the link is for, though it is not there yet."""
    office.command("add private")
    office.fill({**FORM, "Integration Name": "fresh", "Password": ""})
    office.press("Enter the secret outside Slack")
    office.close()

    assert "asked for the secret of `fresh`" in office.command("history").text


def test_what_was_typed_beside_is_saved_too(office, visitor):
    """From the edit form: everything that was typed there is saved with the secret, in one change."""
    office.command("edit my_registry")
    office.fill({"Integration Name": "renamed", "URL": "https://other.example.com", "Note": "asked Lena"})
    link = url_in(office.press("Enter the secret outside Slack"))
    seen = visitor.look(link)[1]
    before = office.find("my_registry")
    status, answer = visitor.enter(link, password=NEW)
    after = office.find("renamed")

    assert (seen["name"], seen["server"]) == ("renamed", "other.example.com")
    assert (status, answer) == (200, {"name": "renamed"})
    assert (after.id, after.version, after.server.host) == (
        before.id,
        before.version + 1,
        "other.example.com",
    )
    assert (after.note, password(office, "renamed")) == ("asked Lena", NEW)


def test_form_that_is_out_of_date_gives_no_link(office):
    """A link is not made for what an old form said after somebody else has edited."""
    old = office.command("edit my_registry")
    office.command("edit my_registry", ADMIN)
    office.submit({"Username": "robot"}, ADMIN)
    office.press("Enter the secret outside Slack", on=old)

    assert ("U0MEMBER", "secret.ask", "done") not in office.events()


def test_rotation_by_the_page(office, visitor):
    """From the rotation's form: the new secret is entered on the page, the former one is kept."""
    office.command("rotate my_registry")
    link = url_in(office.press("Enter the secret outside Slack"))
    status, _ = visitor.enter(link, password=NEW)

    assert status == 200
    assert password(office) == NEW
    assert office.find("my_registry").former is not None


def test_save_of_a_rotation_gives_the_link(make_team):
    """Where secrets stay outside Slack, *Save* of the rotation's form leads to the page."""
    team = make_team(base_url=BASE, is_secret_entered_on_page=True)
    team.add("my_registry")
    team.command("rotate my_registry")
    made = team.submit({"Username": "robot"})
    status, _ = Visitor(team).enter(url_in(made), password=NEW)

    assert status == 200
    assert (password(team), team.find("my_registry").username) == (NEW, "robot")


def test_forms_without_a_field_for_secrets(make_team):
    """With ``QUAYMASTER_SECRET_ENTRY=page`` no form in Slack has a box for a secret; Save gives the link."""
    team = make_team(base_url=BASE, is_secret_entered_on_page=True)
    form = team.command("add private")
    typed = {key: text for key, text in FORM.items() if key != "Password"}
    made = team.submit(typed)
    status, _ = Visitor(team).enter(url_in(made), password=NEW)
    team.close()
    edit = team.command("edit my_registry")
    team.close()
    rotate = team.command("rotate my_registry")

    assert status == 200
    assert all("Password" not in one.labels for one in (form, edit, rotate))
    assert password(team) == NEW


def test_moved_server_asks_for_the_secret_on_the_page(make_team):
    """Without a field in Slack, Save of another server gives a link, and saves nothing before it is used."""
    team = make_team(base_url=BASE, is_secret_entered_on_page=True)
    team.add("my_registry")
    team.command("edit my_registry")
    link = url_in(team.submit({"URL": "https://other.example.com"}))
    before = team.find("my_registry").server.host
    status, _ = Visitor(team).enter(link, password=NEW)

    assert before == "registry.example.com"
    assert status == 200
    assert (team.find("my_registry").server.host, password(team)) == ("other.example.com", NEW)


def test_edit_beside_the_secret_needs_no_page(make_team):
    """Without a field in Slack, an edit of anything else is saved at once and keeps the secret."""
    team = make_team(base_url=BASE, is_secret_entered_on_page=True)
    team.add("my_registry")
    team.command("edit my_registry")
    team.submit({"Integration Name": "renamed"})

    assert password(team, "renamed") == TYPED["password"]


def test_no_file_with_logins_is_pasted_where_secrets_stay_outside(make_team):
    """With ``QUAYMASTER_SECRET_ENTRY=page`` import opens no form, and says what to do instead."""
    team = make_team(base_url=BASE, is_secret_entered_on_page=True)
    shown = team.command("import")

    assert shown.place != "modal"
    assert "entered on a page outside Slack" in shown.text


def test_without_an_address_there_is_no_page(team):
    """Where the operator named no address, no form offers the page, and ask says what is missing."""
    team.add("my_registry")
    form = team.command("edit my_registry")
    team.close()
    asked = team.command(f"ask my_registry <@{COLLEAGUE}|lena>")

    assert "Enter the secret outside Slack" not in form.buttons
    assert "QUAYMASTER_BASE_URL" in asked.text


def test_page_runs_only_what_is_ours(visitor, link):
    """The page may run its own script and nothing else, is never cached, and sends no referrer."""
    _, headers, page = visitor.ask("GET", parts_of(link)[0])

    assert headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert (headers["Cache-Control"], headers["Referrer-Policy"]) == ("no-store", "no-referrer")
    assert b"http://" not in page
    assert b"https://" not in page


@pytest.mark.parametrize(
    ("method", "end", "body", "status"),
    [
        ("PUT", "", None, 405),
        ("GET", "/form", None, 405),
        ("POST", "", ["not", "an object"], 400),
        ("POST", "", {"sealed": 1}, 400),
        ("POST", "/other", {}, 404),
    ],
)
def test_odd_requests_are_refused(visitor, link, method, end, body, status):
    """Another method, another path or another body is refused with a sentence."""
    assert visitor.ask(method, parts_of(link)[0] + end, body)[0] == status


def test_guessing_is_slowed(visitor, link):
    """One address may ask 60 times a minute."""
    path, _ = parts_of(link)
    statuses = [visitor.ask("POST", f"{path}/form", {"proof": "0" * 64})[0] for _ in range(61)]

    assert statuses == [410] * 60 + [429]


def test_nothing_entered_is_logged(visitor, link, caplog):
    """At every level the log has nothing of what was entered, nor the link's key."""
    caplog.set_level("DEBUG")
    visitor.enter(link, password=NEW)

    assert NEW not in caplog.text
    assert parts_of(link)[1] not in caplog.text


def test_end_that_was_chosen_beside_goes_with_the_link(office, visitor):
    """The end that the rotation's form had is kept with what is entered, and the edit form shows it."""
    form = office.command("rotate my_registry")
    office.leave(form, form.box("Ends on"), "2027-03-31")
    visitor.enter(url_in(office.press("Enter the secret outside Slack")), password=NEW)

    assert str(office.find("my_registry").ends_on) == "2027-03-31"
    assert office.command("edit my_registry").box("Ends on").element["initial_date"] == "2027-03-31"
