"""What people are told when something goes wrong: what happened, what to do next, who can help."""

from bot.core.errors import AlreadyDeleted, Busy, InvalidFields, QuaymasterError
from handlers.blocks import Message, View, bold, escape, mention, message, modal, section, when


def explained(error: QuaymasterError) -> Message:
    """Explain a known error."""
    if isinstance(error, AlreadyDeleted):
        who = f"{mention(error.deleted_by)} deleted it {when(error.deleted_at)}"
        return message(error.message, [section(f":wastebasket: {bold(error.name)} is already gone: {who}.")])
    lines = [f":warning: *{escape(error.message).replace('*', '∗')}*", escape(error.hint)]
    if error.people:
        lines.append(f"Who can help: {', '.join(mention(person) for person in dict.fromkeys(error.people))}")
    return message(str(error), [section("\n".join(filter(None, lines)))])


def unexpected(incident: str) -> Message:
    """Explain an unexpected error; the log has the same id."""
    text = (
        f"Something went wrong (id {incident}). The change may or may not have been made: "
        "check, then try again."
    )
    return message(text, [section(f":warning: {text}\nIf it happens again, give the operator this id.")])


def busy() -> Message:
    """Say politely that too many requests are being handled."""
    return explained(Busy())


def on_top(explanation: Message) -> View:
    """An error as a modal on top of a form, which keeps what was typed in it."""
    return modal("Not saved", explanation["blocks"], close="Back")


def beside_fields(error: InvalidFields, shown: frozenset[str]) -> dict[str, str]:
    """
    Put each problem beside its input.

    Args:
        error: The problems by field key.
        shown: The block ids of the form's inputs; a problem of a field that is not there goes to the first.
    """
    problems: dict[str, str] = {}
    for key, sentence in error.problems.items():
        place = key if key in shown else "name"
        problems[place] = f"{problems[place]} {sentence}" if place in problems else sentence
    return problems
