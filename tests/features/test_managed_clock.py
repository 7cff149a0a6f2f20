"""The clock makes new credentials, asks again, and settles what no answer came for."""

from dataclasses import replace

from bot.core.integrations.made_by_clock import rotate_due
from bot.run.clockwork import CredentialMaker
from tests.fakes.people import MEMBER
from tests.fakes.scripted_registry import PROVED, REJECTED
from tests.features.managing import LosesAnswers, NeverAsked, manage, pass_minutes, told_of
from tests.features.team import ACME
from tests.features.test_rotate import DAY_S, deliver


def test_clock_makes_one_when_it_is_due(office, iam):
    """After 90 days the clock has one made, once, and tells as a person's rotation does."""
    manage(office)
    office.close()
    office.command("rotate my_registry every 90 days")
    office.slack.clock.advance(89 * DAY_S)
    rotate_due(office.services.ports)
    early = len(iam.keys())
    office.slack.clock.advance(DAY_S)
    rotate_due(office.services.ports)
    rotate_due(office.services.ports)
    deliver(office)

    assert early == 1
    assert len(iam.keys()) == 2
    assert office.find("my_registry").former is not None
    assert "Quaymaster created a new credential" in office.seen(MEMBER).text


def test_clock_tells_once_that_it_could_not(office, iam):
    """If no slot is free, its owner is told why, once; nothing is touched."""
    iam.make()
    manage(office)
    office.close()
    office.command("rotate my_registry every 30 days")
    for _ in range(3):
        office.slack.clock.advance(30 * DAY_S)
        rotate_due(office.services.ports)
    deliver(office)
    told = [one for one in office.events() if one[1:] == ("credential.rotate", "refused")]

    assert len(told) == 1
    assert "AWS allows no more" in office.seen(MEMBER).text
    assert len(iam.keys()) == 2
    assert office.find("my_registry").former is None


def test_clock_asks_again_in_a_minute(office, iam, registry):
    """A new key that AWS refuses for some seconds is asked about again, and nobody is alarmed."""
    manage(office)
    office.close()
    office.command("rotate my_registry every 90 days")
    office.slack.clock.advance(90 * DAY_S)
    registry.result = REJECTED
    rotate_due(office.services.ports)
    prepared = office.find("my_registry").prepared
    registry.result = PROVED
    pass_minutes(office, 1)
    found = office.find("my_registry")

    assert prepared.sealed is not None
    assert (found.former is not None, found.prepared) == (True, None)
    assert told_of(office) == []
    assert len(iam.keys()) == 2


def test_clock_gives_up_after_five_minutes(office, registry):
    """A key that stays refused is asked about five times in a row, then once a day; that is told once."""
    manage(office)
    office.close()
    office.command("rotate my_registry every 90 days")
    office.slack.clock.advance(90 * DAY_S)
    registry.result = REJECTED
    registry.checked.clear()
    rotate_due(office.services.ports)
    pass_minutes(office, 30)
    deliver(office)

    assert len(registry.checked) == 5
    assert len(told_of(office)) == 1
    assert "Show" in office.seen(MEMBER).buttons


def test_unopened_management_credential_stops_nobody_else(make_office):
    """If the management credential can't be opened, its owner is told, and the others continue."""
    team = make_office()
    team.add("a_first", kind="private")
    manage(team)
    team.close()
    team.command("rotate my_registry every 90 days")
    found = team.find("my_registry")
    with team.store.change(ACME) as change:
        first = team.find("a_first")
        change.put(replace(first, kind="ecr", management=found.management, rotate_every_days=90))
    team.slack.clock.advance(90 * DAY_S)
    rotate_due(team.services.ports)

    assert team.find("my_registry").former is not None
    assert [one[0] for one in told_of(team)] == ["quaymaster"]


def test_clock_says_what_no_answer_came_of(make_office, iam):
    """After 10 minutes the owner is told once which key a lost response may be about; a button revokes it."""
    team = make_office(LosesAnswers)
    manage(team)
    team.close()
    team.command("rotate my_registry every 90 days")
    team.slack.clock.advance(90 * DAY_S)
    rotate_due(team.services.ports)
    early = told_of(team)
    pass_minutes(team, 30)
    deliver(team)
    told = team.seen(MEMBER)
    made = iam.second
    shown = team.press("Show", on=told)

    assert early == []
    assert len(told_of(team)) == 1
    assert f"access key …{made[-4:]}" in told.text
    assert "End it there" in shown.buttons
    assert set(iam.keys().values()) == {"Active"}


def test_clock_goes_on_when_nothing_was_made(make_office):
    """When AWS has no key of it, that is settled without anybody, and the next one is made."""
    team = make_office(NeverAsked)
    manage(team)
    team.close()
    team.command("rotate my_registry every 90 days")
    team.slack.clock.advance(90 * DAY_S)
    rotate_due(team.services.ports)
    asked = team.find("my_registry").prepared
    team.services.ports.drivers.is_losing = False
    pass_minutes(team, 12)

    assert asked.sealed is None
    assert team.find("my_registry").former is not None
    assert told_of(team) == []


def test_roll_back_stops_the_clock(office, iam):
    """After a rollback the scheduler creates no further credential, and the person is told how to resume."""
    manage(office)
    office.close()
    office.command("rotate my_registry every 90 days")
    office.slack.clock.advance(90 * DAY_S)
    rotate_due(office.services.ports)
    said = office.press("Roll back", on=office.command("rotate my_registry"))
    pass_minutes(office, 3)

    assert "rotation schedule is off" in said.text
    assert office.find("my_registry").former is None
    assert iam.keys() == {iam.first["AccessKeyId"]: "Active"}


def test_every_needs_a_management_credential(office):
    """Without one, nothing can be created on a schedule, and the reply says what to do."""
    shown = office.command("rotate my_registry every 90 days")

    assert "has no management credential" in shown.text
    assert "press “Let Quaymaster make it”, then type this again" in shown.text
    assert office.find("my_registry").rotate_every_days == 0


def test_step_of_the_clock_looks_at_what_is_managed(office):
    """What becomes due between two readings of all integrations is done at the next minute."""
    manage(office)
    office.close()
    office.command("rotate my_registry every 90 days")
    office.slack.clock.advance(90 * DAY_S - 300)
    maker = CredentialMaker(office.services.ports)
    maker.step()
    early = office.find("my_registry").former
    office.slack.clock.advance(300)
    maker.step()

    assert early is None
    assert office.find("my_registry").former is not None


def test_show_says_who_makes_new_credentials(office):
    """Show says that Quaymaster makes them, and how often; nothing of it where a person does."""
    before = office.command("show my_registry").text
    manage(office)
    office.close()
    by_hand = office.command("show my_registry").text
    office.command("rotate my_registry every 90 days")
    shown = office.command("show my_registry").text

    assert "New credentials" not in before
    assert "*New credentials:*  created by Quaymaster, on request" in by_hand
    assert "*New credentials:*  created by Quaymaster, every 90 days" in shown


def test_another_reason_is_told_too(office, iam):
    """Somebody who was told that no slot is free is also told, later, that the current key is gone."""
    second = iam.make()
    manage(office)
    office.close()
    office.command("rotate my_registry every 30 days")
    office.slack.clock.advance(30 * DAY_S)
    rotate_due(office.services.ports)
    first = len(told_of(office))
    iam.delete(second)
    iam.delete(iam.first["AccessKeyId"])
    for _ in range(2):
        office.slack.clock.advance(DAY_S)
        rotate_due(office.services.ports)

    assert (first, len(told_of(office))) == (1, 2)
