"""The Home tab: the account's integrations page, the same list with the same buttons.

payload -> home -> listing -> publish
"""

from bot.core.model import Actor
from bot.services import Services
from handlers.list import decoded, listing
from handlers.routes import Routes
from handlers.surfaces import HomeSurface


def register(routes: Routes) -> None:
    """Say how the tab is published."""
    routes.home = home


def home(services: Services, actor: Actor, state: str) -> None:
    """Publish the list as a person's Home tab, narrowed as it was."""
    surface = HomeSurface(services.slack(actor.workspace), actor.user_id, "", state)
    surface.replace(listing(services, actor, decoded(state)))
