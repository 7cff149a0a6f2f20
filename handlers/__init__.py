"""
What a person can do in Slack, one file each; ``all_routes`` collects their listeners.

How a payload finds its listener, which differs from plain Bolt:

1. ``bot/slack/front.py`` has checked size, signature and shape. Bolt knows one listener for each kind of
   request, all in ``bot/slack/dispatch.py``; those look the real listener up here, in one step.
2. Each feature's ``register(routes)`` names what it answers, by id:

   ===============================  ==================================================================
   ``routes.verb(Verb(...))``       ``/integrations delete NAME``: the first word finds the verb
   ``routes.action(ID, ...)``       a button, a menu or a box; a row's menu has the action in its value
   ``routes.form(ID, ...)``         a submitted form, by its ``callback_id``
   ``routes.suggestion(ID, ...)``   a menu that searches as you type, by its block's id
   ``routes.shortcut(ID, ...)``     a shortcut, by its ``callback_id``
   ``routes.home``                  the Home tab
   ===============================  ==================================================================

3. A listener is a plain function. It gets what its arguments name:

   ============  =====================================================================================
   ``words``     the command's text, read: quotes, links, phones' dashes (``routes.py``)
   ``press``     a pressed button: its value, and what is typed around it (``routes.py``)
   ``form``      a submitted form: its values, and its ``private_metadata`` as ``facts``
   ``surface``   where to reply: a message, a modal, the Home tab (``surfaces.py``)
   ``ack``       Slack's acknowledgement, which commands and forms are answered in
   ``ask``       accepts what waits for a registry: it runs after the listener, on its own lane
   ``query``     what was typed in a menu
   ``about``     the message that a shortcut was used on
   ``services``  the ports (``services.ports``), the kinds, Slack (``bot/services.py``)
   ``actor``     who acts, in which role, when
   ============  =====================================================================================

4. It calls one operation of ``bot/core`` with ``services.ports`` and ``actor``, and shows a view of the
   result. Errors rise: the dispatcher tells the person (``error_answers.py``).

Where to change what:

- a sentence of a message: the view in its feature's file, such as ``_confirmation`` in ``delete.py``
- a rule, such as how long a token lasts: ``bot/core``, in the operation that the listener calls
- what a change stores and records: the same operation, inside ``with ports.store.change(...)``
- what the history says about it: ``phrases.py``
- what people are told about it later: ``notify.py`` (channel), ``requests.py`` and ``owner_news.py`` (people)
- what a button carries: a dataclass next to its listener, written and read by ``blocks.py``

``delete.py`` is the one to imitate.
"""

from handlers import (
    add,
    ask,
    catalog,
    decide,
    delete,
    edit,
    give,
    help,  # noqa: A004 - the file is named for what the person types
    history,
    home,
    images,
    imports,
    link,
    list,  # noqa: A004 - the same
    notify,
    revoke,
    rotate,
    show,
    tags,
    target_settings,
    targets,
    test,
    token,
    unused,
    which,
)
from handlers.name_question import register as register_name_question
from handlers.picker import register as register_menus
from handlers.routes import Routes

FIRST = (list, add, show, edit, rotate, ask, delete, link, target_settings, targets, give)
_REST = (unused, imports, images, history, notify, help, home, decide)
FEATURES = (*FIRST, test, tags, catalog, token, revoke, which, *_REST)
"""In the order help lists them."""


def all_routes() -> Routes:
    """Register every feature."""
    routes = Routes()
    for feature in FEATURES:
        feature.register(routes)
    register_menus(routes)
    register_name_question(routes)
    return routes
