"""Which login is used for an image: a shortcut on a message finds the images in it and explains each.

payload -> ask -> explain_images -> _told -> show
"""

from collections.abc import Iterator, Mapping
from typing import Any

from bot.core.model import Actor
from bot.core.workflows.image_names import Explained, explain_images
from bot.core.workflows.resolve import Choice
from bot.services import Services
from handlers.blocks import Block, Message, bold, button, code, escape, message, section
from handlers.routes import COMMAND, Routes, as_typed
from handlers.show import OPEN as SHOW
from handlers.surfaces import Surface

_SHORTCUT = "images.shortcut"
_READ = ("text", "blocks", "attachments")
"""The parts of a message that may name an image."""
_TEXTS = ("text", "url", "title", "value", "pretext", "fallback")


def register(routes: Routes) -> None:
    """Add the shortcut."""
    routes.shortcut(_SHORTCUT, ask)


def ask(about: Mapping[str, Any], surface: Surface, services: Services, actor: Actor) -> None:
    """Explain each image in a message, only to the person who asked."""
    written = "\n".join(as_typed(text) for text in _texts_in({key: about.get(key) for key in _READ}))
    surface.show(_told(explain_images(services.ports, actor, written)))


def _texts_in(value: object) -> Iterator[str]:
    """Every text in a message's text, blocks and attachments, in order."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key in _TEXTS and isinstance(inner, str):
                yield inner
            else:
                yield from _texts_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts_in(inner)


def _told(answers: tuple[Explained, ...]) -> Message:
    """A reply about each image, or how to ask about one by its name."""
    if not answers:
        text = (
            f"This message does not contain an image's name. Type `{COMMAND} which IMAGE` to ask about one."
        )
        return message("This message does not contain an image's name.", [section(text)])
    line = ", ".join(one.image for one in answers)
    return message(f"Logins for {line}", [_answer(one) for one in answers])


def _answer(answer: Explained) -> Block:
    """One image: the integration that is used for it, or what to do."""
    found = answer.found
    if isinstance(found, Choice):
        name, reason = found.integration.name, escape(found.reason)
        show = button("Show", SHOW, found.integration.id, label=f"Show {name} for {answer.image}")
        return section(f"{code(answer.image)}\n:key: {bold(name)}: {reason}.", show)
    return section(f"{code(answer.image)}\n:warning: {escape(found.message)} {escape(found.hint)}")
