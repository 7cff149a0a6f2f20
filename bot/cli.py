"""The command ``quaymaster``: serve, try, manifest, keys, audit, store, and what pipelines run.

What a command needs is imported when it runs, so that ``keys new`` does not load a web server.
"""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from bot.core.errors import QuaymasterError, SettingsError
from bot.pipeline.commands import COMMANDS
from bot.pipeline.docker_credential import harmless

if TYPE_CHECKING:
    from bot.settings import StoreSettings

_EPILOG = "Settings are read from the environment; .github/docs/settings.md lists them."


class _Sentences(click.Group):
    """Prints our errors as one sentence: exit status 2 for a wrong setting, 1 for anything else."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except click.exceptions.NoArgsIsHelpError:
            raise
        except click.UsageError as error:
            # click repeats words that it does not know.
            raise click.UsageError(harmless(error.format_message()), error.ctx) from None
        except QuaymasterError as error:
            click.echo(str(error), err=True)
            ctx.exit(2 if isinstance(error, SettingsError) else 1)


@click.group(cls=_Sentences, epilog=_EPILOG)
@click.version_option(package_name="quaymaster", prog_name="quaymaster")
def main() -> None:
    """Quaymaster manages a team's container-registry integrations from Slack."""


for command in COMMANDS:
    main.add_command(command)


@main.command()
def serve() -> None:
    """Serve one or more Slack workspaces until SIGTERM."""
    from bot.run.serve import run_server
    from bot.settings import Settings, keep_from_bolt

    settings = Settings.from_env(os.environ)
    keep_from_bolt(os.environ)
    run_server(settings, click.echo)


@main.command("try")
@click.option(
    "--data", type=click.Path(file_okay=False, path_type=Path), help="Save everything you do in this folder."
)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=3000, show_default=True, help="Port for the page."
)
def try_(data: Path | None, port: int) -> None:
    """Try everything on a local page; you need no Slack account and no settings."""
    from bot.run.try_server import run_try
    from bot.settings import keep_from_bolt

    keep_from_bolt(os.environ)
    run_try(data, port, click.echo)


@main.command()
@click.option("--url", help="Where Slack reaches this installation: https://host[:port].")
@click.option("--socket", is_flag=True, help="Use Socket Mode, which needs no public address.")
@click.option(
    "--install", is_flag=True, help="Let workspaces install the app themselves (adds the redirect URL)."
)
@click.option("--org", is_flag=True, help="Let an organization install it for all of its workspaces.")
def manifest(url: str | None, socket: bool, install: bool, org: bool) -> None:
    """Print the Slack app's manifest, ready to paste on api.slack.com."""
    from bot.run.app_manifest import manifest_for_http, manifest_for_socket_mode

    if bool(url) == socket:
        raise click.UsageError("Give either --url https://host or --socket.")
    if socket and install:
        raise click.UsageError("--socket serves one workspace or organization, so leave out --install.")
    if url:
        click.echo(manifest_for_http(url, is_installed_by_others=install, is_org_wide=org))
    else:
        click.echo(manifest_for_socket_mode(is_org_wide=org))


@main.group()
def keys() -> None:
    """Create and rotate the keys that seal credentials."""


@keys.command("new")
def new() -> None:
    """Print a new key."""
    from storage.sealing import new_key

    click.echo(new_key())
    click.echo("Keep a copy of this key on another machine.", err=True)


@keys.command("rotate")
def rotate() -> None:
    """Put a new key first in QUAYMASTER_KEYS_FILE."""
    from bot.run.operator_commands import put_new_key_first

    click.echo("\n".join(put_new_key_first(_store_settings())))


@keys.command("reseal")
def reseal() -> None:
    """Seal every credential again with the first key. Without PostgreSQL, stop the server first."""
    from bot.run.operator_commands import reseal_store

    click.echo(reseal_store(_store_settings()))


@keys.command("status")
def status() -> None:
    """Show how many credentials each key seals. Without PostgreSQL, stop the server first."""
    from bot.run.operator_commands import lines_of_status

    click.echo("\n".join(lines_of_status(_store_settings())))


@keys.command("forget")
@click.argument("key_id")
def forget(key_id: str) -> None:
    """Delete the secrets sealed with a lost key, KEY_ID. Stop the server first."""
    from bot.run.operator_commands import forget_key

    click.echo(forget_key(_store_settings(), key_id))


def _store_settings() -> "StoreSettings":
    """Read the settings that open the store."""
    from bot.settings import StoreSettings

    return StoreSettings.from_env(os.environ)


@main.group()
def audit() -> None:
    """Check the history."""


@audit.command("verify")
@click.option(
    "--log",
    "logs",
    type=click.File("r", encoding="utf-8", errors="replace"),
    help="A server log to compare the history with.",
)
def verify(logs: TextIO | None) -> None:
    """Check that no history was changed after it was written. Without PostgreSQL, stop the server first."""
    from bot.run.operator_commands import lines_of_history

    for line in lines_of_history(_store_settings(), logs or ()):
        click.echo(line)


@main.group()
def store() -> None:
    """Maintain the data directory or the database."""


@store.command("migrate")
@click.option(
    "--grant", metavar="ROLE", help="Let ROLE use the tables. ROLE is the one the server connects as."
)
def migrate(grant: str | None) -> None:
    """Upgrade the database in DATABASE_URL to this version, using a role that is allowed to."""
    from bot.run.store_commands import migrate_database
    from bot.settings import database_url_of

    click.echo(migrate_database(database_url_of(os.environ), grant))


@store.command("copy")
@click.argument("source")
@click.argument("target")
@click.option(
    "--blank", is_flag=True, help="Ask for some text and remove it everywhere, including the history."
)
def copy(source: str, target: str, blank: bool) -> None:
    """Copy everything from SOURCE to TARGET, each a directory or postgresql://…. Stop the server first."""
    from bot.run.store_commands import copy_store, copy_store_blanked

    if blank:
        # Never an argument: every user of a machine can see these.
        click.echo(copy_store_blanked(_store_settings(), source, target, _hidden("The text to remove")))
    else:
        click.echo(copy_store(_store_settings(), source, target))


def _hidden(asked: str) -> str:
    """Ask for some text that is not shown, or read the first line of standard input."""
    if sys.stdin.isatty():
        return str(click.prompt(asked, hide_input=True, err=True))
    return sys.stdin.readline().rstrip("\n")


@store.command("export")
def export() -> None:
    """Print everything as lines of JSON, secrets sealed. A directory's server must be stopped."""
    from bot.run.store_commands import lines_of_export

    for line in lines_of_export(_store_settings()):
        click.echo(line)


@store.command("import")
@click.argument("file", type=click.File("r", encoding="utf-8", errors="replace"))
@click.option("--unsigned", is_flag=True, help="Accept an unsigned export from an older version.")
def import_(file: TextIO, *, unsigned: bool) -> None:
    """Import FILE, printed by “store export”, into an empty store."""
    from bot.run.store_commands import import_lines

    click.echo(import_lines(_store_settings(), file, takes_unsigned=unsigned))


@store.command("seal")
def seal_rows() -> None:
    """Seal the rows of a database from an earlier version, once, while no server is running."""
    from bot.run.store_commands import seal_rows

    click.echo(seal_rows(_store_settings()))


@store.command("upgrade")
def upgrade_store() -> None:
    """Convert a data directory from an earlier version, once, before the first start."""
    from bot.run.store_commands import upgrade

    click.echo(upgrade(_store_settings()))


@store.command("repair")
@click.argument("workspace")
def repair(workspace: str) -> None:
    """Restore the last intact version of a damaged WORKSPACE file. Stop the server first."""
    from bot.run.operator_commands import repair_workspace

    click.echo("\n".join(repair_workspace(_store_settings(), workspace)))
