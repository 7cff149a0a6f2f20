"""What a person can do in Slack, one file each. ``all_routes`` collects their listeners."""

from handlers import (
    add,
    delete,
    edit,
    help,  # noqa: A004 - the file is named for what the person types
    history,
    home,
    link,
    list,  # noqa: A004 - the same
    settings,
    show,
    tags,
    test,
    tokens,
)
from handlers.routes import Routes

FEATURES = (list, add, show, edit, delete, link, settings, test, tags, tokens, history, help, home)
"""In the order help lists them."""


def all_routes() -> Routes:
    """Register every feature."""
    routes = Routes()
    for feature in FEATURES:
        feature.register(routes)
    return routes
