"""What holds across all features: ids are unique, listeners are reachable, answers are private."""

from contextlib import closing

import pytest

from bot.core.integrations.owners import note_departure
from bot.core.ports.registry import Repositories, Tags
from bot.core.ports.slack import Person
from bot.core.workspace_rules import RuleBook, WorkspaceRules
from bot.registry.drivers.driver_table import RegistryDrivers
from bot.run.clockwork import Watcher
from bot.run.outbox import Outbox
from handlers import FEATURES
from handlers.notify import draw_closed, draw_news
from handlers.routes import Routes
from storage.sealing import Keyring, new_key, parse_keys
from storage.tinydb.tinydb_store import TinyDBStore
from tests.fakes.people import ADMIN, COLLEAGUE, LEFT, MEMBER, TEAM
from tests.fakes.scripted_registry import PROVED, REJECTED, ScriptedRegistry
from tests.fakes.watched import Watched
from tests.features.fixtures import UNHURRIED, team_maker, watched_slack
from tests.features.managing import MANAGER, unhurried
from tests.features.promises import ROUTES, action_ids
from tests.features.team import ACME
from tests.features.test_add import FORM
from tests.features.test_imports import config
from tests.features.test_tags import MANY
from tests.features.test_test import FOREIGN_REALM
from tests.storage.disks import RoomyDisk


class CarefulRoutes(Routes):
    """Routes that keep what was registered twice."""

    def __init__(self):
        super().__init__()
        self.twice = []

    def verb(self, verb, **more):
        """Keep a verb's names if one of them is there already."""
        names = (verb.name, *verb.aliases)
        self.twice += [name for name in names if name in self.verbs or name in self.aliases]
        super().verb(verb, **more)

    def action(self, action_id, listener, **more):
        """Keep an action id that is there already."""
        self.twice += [action_id] if action_id in self.actions else []
        super().action(action_id, listener, **more)

    def form(self, callback_id, listener):
        """Keep a form's id that is there already."""
        self.twice += [callback_id] if callback_id in self.forms else []
        super().form(callback_id, listener)


def test_no_id_is_registered_twice():
    """Verbs, their other names, action ids and form ids each belong to one listener."""
    routes = CarefulRoutes()
    [feature.register(routes) for feature in FEATURES]

    assert routes.twice == []


@pytest.mark.parametrize("action_id", ROUTES.actions)
def test_ids_say_operation_and_step(action_id):
    """Each id is ``<operation>.<step>`` and fits beside a value into an overflow entry."""
    operation, step = action_id.split(".")

    assert operation.isidentifier()
    assert step.isidentifier()
    assert len(action_id) + 33 <= 150


def hear_of_a_refused_login(team, registry):
    """Let the clock find that a login is refused, and tell its owner."""
    watcher = Watcher(team.services.ports)
    outbox = Outbox(team.services, draw_news, draw_closed)
    registry.result = REJECTED
    for minutes in (1, 11, 2):
        team.slack.clock.advance(minutes * 60)
        [watcher.step() for _ in range(60)]
        outbox.step()


def tell_requests(team):
    """Tell people what others ask of them, and owners of a new target."""
    team.fetch("registry-000", "project", "new-target")
    team.slack.clock.advance(61)
    Outbox(team.services, draw_news, draw_closed).step()


def hear_of_a_leaver(team):
    """Let somebody leave, tell an admin, and preview to whom all of it could go."""
    team.add("theirs", owner=LEFT)
    note_departure(team.services.ports, ACME, Person(LEFT, TEAM, is_outsider=True, is_deleted=True), (ADMIN,))
    team.slack.clock.advance(61)
    Outbox(team.services, draw_news, draw_closed).step()
    team.choose("Give to …", MEMBER, ADMIN)


def hear_of_two_rotations(team):
    """Tell an owner that an admin has rotated two logins of one registry."""
    for name in ("first-rotated", "second-rotated"):
        team.add(name)
        team.command(f"rotate {name}", ADMIN)
        team.submit({"Password": "a-new-one"}, ADMIN)
        team.close(ADMIN)
    team.slack.clock.advance(61)
    Outbox(team.services, draw_news, draw_closed).step()


def walk_through_links(team):
    """Ask for a secret by a link, from each form and for a colleague."""
    for form in ("add private", "edit my_registry", "rotate my_registry"):
        team.command(form)
        team.close()
    team.command(f"ask my_registry <@{COLLEAGUE}|lena>")


def walk_through_made_credentials(team, iam, registry):
    """Let Quaymaster make a credential that does not work."""
    key = {"access_key_id": iam.first["AccessKeyId"], "secret_access_key": iam.first["SecretAccessKey"]}
    team.add("made", kind="ecr", region="us-east-1", account_id="123456789012", **key)
    team.command("rotate made")
    team.press("Let Quaymaster make it")
    team.submit(MANAGER)
    registry.result = REJECTED
    team.press("Make a new one")
    team.press("End it there", on=team.command("rotate made"))
    team.command("delete made")
    team.close()


@pytest.fixture(scope="module")
def walked(tmp_path_factory, slack_server, people, client, clock, command_name, aws):
    """A team that has walked through every screen there is, once for all tests: they only look."""
    from tests.fakes.iam import Iam

    registry, keyring = ScriptedRegistry(), Keyring(parse_keys(new_key()))
    store = TinyDBStore(tmp_path_factory.mktemp("walk"), keyring, clock=clock.now, disk=RoomyDisk())
    with closing(store), watched_slack(slack_server, clock) as slack:
        team = team_maker(
            slack, registry, store, Watched(store), Watched(keyring), people, client, clock, command_name
        )(
            base_url="https://quaymaster.example.com",
            rules=RuleBook(store, WorkspaceRules(rate_limit=UNHURRIED)),
            drivers=RegistryDrivers((), aws_endpoint=aws, clock=unhurried()),
        )
        walk(team, Iam(aws), registry)
        yield team


def walk(team, iam, registry):
    """Walk through every screen there is."""
    team.command("settings workspace", ADMIN)
    team.close(ADMIN)
    team.add_many(25)
    team.link_many("registry-000", 40)
    team.command("list")
    team.press("Next")
    team.press("Show registry-015")
    team.press("Next", on=team.command("delete registry-000"))
    team.press("Yes", on=team.command("delete registry-024"))
    team.command("settings project target-00")
    registry.result = FOREIGN_REALM
    team.command("test registry-000")
    registry.found = Tags("team/app", MANY)
    team.press("Next", on=team.command("tags registry-000 team/app"))
    registry.catalog = Repositories(MANY)
    team.press("Next", on=team.command("catalog registry-000"))
    [team.command(f"unlink registry-000 project target-{number:02}") for number in range(12)]
    team.press("Older", on=team.command("history"))
    team.press("Remove project target-13", on=team.command("delete registry-000"))
    [team.command(f"link registry-00{number} project target-14") for number in range(2)]
    team.command("link registry-000 project targe-15")
    team.command("link registry-002 project noted", COLLEAGUE)
    team.command("token create project noted", COLLEAGUE)
    team.command("token create project note")
    team.command("token list noted", ADMIN)
    team.press("Next", on=team.command("targets"))
    team.press("Show all", on=team.command("list nothing"))
    tell_requests(team)
    hear_of_a_leaver(team)
    team.command("revoke everything project noted", ADMIN)
    team.command("history", ADMIN)
    team.command("help")
    [team.command(f"token create project web-shop-{number}") for number in range(21)]
    team.press("Next", on=team.command("token list"))
    for form in ("show", "tags registry-001", "link", "unlink", "token create", "which"):
        team.command(form)
        team.close()
    team.command("import")
    team.submit({"config.json": config("one.example.com")})
    team.close()
    team.open_home()
    team.link("registry-000", "project", "kept")
    team.command("link registry-000 project Shop-Frontend2%prod")
    team.command("token create project Shop-Frontend2%prod")
    team.command("targets rename project kept noted", ADMIN)
    team.press("Cancel", ADMIN)
    team.command("notify", ADMIN)
    team.close(ADMIN)
    team.open_home(ADMIN)
    team.command("show registry-000", ADMIN)
    team.press("Mute 24 h", on=team.command("show registry-000"))
    team.command("show registry-000")
    form = team.command("edit registry-000")
    team.leave(form, form.menu("Linked targets only"), "Linked targets only")
    team.submit(on=form)
    team.press("Who may still fetch it")
    team.close()
    team.command("edit registry-002")
    team.close()
    registry.result = PROVED
    team.command("add private")
    team.submit({**FORM, "URL": "https://other.example.com"})
    walk_through_links(team)
    walk_through_made_credentials(team, iam, registry)
    registry.result = PROVED
    team.command("test all my_registry")
    team.command("rotate my_registry")
    team.submit({"Password": "a-new-one"})
    team.close()
    hear_of_two_rotations(team)
    hear_of_a_refused_login(team, registry)


def test_every_listener_has_its_control(walked):
    """Each listener has a button that some screen shows."""
    shown = {action_id for one in walked.slack.shown for action_id in action_ids(one)}

    assert set(ROUTES.actions) - shown == set()


def test_every_form_is_shown(walked):
    """Each form's listener has a form that some screen opens."""
    shown = {one.content.get("callback_id") for one in walked.slack.shown}

    assert set(ROUTES.forms) - shown == set()


def test_every_menu_that_searches_is_shown(walked):
    """Each listener for what is typed in a menu has a menu that some screen shows."""
    shown = {
        one.block["block_id"].partition(" ")[0]
        for each in walked.slack.shown
        for one in each.controls
        if searches(one)
    }

    assert shown == ROUTES.suggestions.keys()


def searches(control):
    """True for a menu that asks for its options while one types."""
    return control.element["type"] == "external_select"


def test_every_answer_is_private(walked):
    """Only one person can see each message."""
    messages = [one for one in walked.slack.shown if one.place == "message"]

    assert {one.content.get("response_type") for one in messages} == {"ephemeral"}


def test_every_message_has_its_line(walked):
    """Each message has a line for notifications and screen readers."""
    assert all(one.line for one in walked.slack.shown if one.place == "message")


def test_repeated_buttons_say_what_they_act_on(walked):
    """Buttons that appear several times on one surface sound different to a screen reader."""
    spoken = [one for shown in walked.slack.shown for one in doubled(shown)]

    assert spoken == []


def doubled(shown):
    """The buttons of a surface that cannot be told apart by ear."""
    heard = [one.names[-1] for one in shown.controls if one.element["type"] == "button"]
    return [name for name in heard if heard.count(name) > 1]
