"""Workflow tokens: they come with the road that hands credentials to pipelines.

payload -> token -> notice -> ack
"""

from slack_bolt import Ack

from handlers.blocks import notice
from handlers.command import Verb
from handlers.routes import Routes


def register(routes: Routes) -> None:
    """Add the verb."""
    routes.verb(Verb("token", token, "create|list|revoke", "list", "workflow tokens: coming", ("tokens",)))


def token(ack: Ack) -> None:
    """Say that tokens are coming."""
    ack(**notice("Workflow tokens are coming; this version does not hand credentials to pipelines yet."))
