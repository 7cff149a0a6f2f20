"""What a person can do in Slack, one file each. ``all_routes`` collects their listeners."""

from handlers import (
    add,
    decide,
    delete,
    edit,
    help,  # noqa: A004 - the file is named for what the person types
    history,
    home,
    imports,
    link,
    list,  # noqa: A004 - the same
    news,
    show,
    tags,
    target_settings,
    targets,
    test,
    token,
    unused,
    which,
)
from handlers.routes import Routes

FIRST = (list, add, show, edit, delete, link, target_settings, targets)
FEATURES = (*FIRST, test, tags, token, which, unused, imports, history, news, help, home, decide)
"""In the order help lists them."""


def all_routes() -> Routes:
    """Register every feature."""
    routes = Routes()
    for feature in FEATURES:
        feature.register(routes)
    return routes
