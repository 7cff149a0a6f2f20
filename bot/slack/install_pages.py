"""What people see in the browser when they install the app: three pages without a script."""

from html import escape

HEADERS = (
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
)

_REASONS = {
    "commands": "To respond to commands and to the two shortcuts.",
    "chat:write": "To tell people, and the channel you choose, about logins that stop working or expire "
    "soon.",
    "users:read": "To know who is an admin, a guest or deactivated, so that people can do only what they "
    "are allowed to.",
    "files:write": "To send an admin the history as a file.",
    "usergroups:read": "To let a user group be admins or editors here.",
}
"""Why the app needs each scope of its manifest."""

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:40rem;margin:3rem auto;padding:0 1rem;color:#1d1c1d}"
    "h1{font-size:1.6rem}dt{font-weight:600;margin-top:.8rem}dd{margin:0}"
    "button{font:inherit;padding:.6rem 1.2rem;border:0;border-radius:.4rem;background:#1d3a5f;color:#fff;"
    "cursor:pointer}button:focus-visible{outline:3px solid #6aa4e8}"
)


def asking_page(scopes: tuple[str, ...], optional_scopes: tuple[str, ...]) -> str:
    """What the app may do in a workspace and why, and the button that asks Slack."""
    needed = "".join(map(_row, scopes))
    optional = "".join(map(_row, optional_scopes))
    further = f"<h2>If you allow it</h2><dl>{optional}</dl>" if optional else ""
    return _page(
        "Install Quaymaster",
        "<p>Quaymaster keeps your team's container-registry integrations: who can log in to which registry, "
        "and what depends on each login.</p>"
        f"<h2>What it may do in your workspace, and why</h2><dl>{needed}</dl>{further}"
        "<p>It reads no messages except those on which you use its shortcut. Credentials are sealed when "
        "they are stored. When you remove the app, your workspace's data is deleted after 30 days; "
        "if you install it again before then, everything is still there.</p>"
        '<form method="post"><button>Add to Slack</button></form>',
    )


def success_page(name: str, *, is_org_wide: bool) -> str:
    """Say where it was installed, and what to do next."""
    where = f" in {escape(name)}" if name else ""
    then = (
        "<p>An admin of the organization now adds it to workspaces, in Slack's admin page under Integrations."
        "</p>"
        if is_org_wide
        else ""
    )
    return _page(
        "Quaymaster is installed",
        f"<p>Quaymaster is installed{where}.</p>{then}"
        "<p>Go back to Slack and type <code>/integrations</code>.</p>",
    )


def failure_page(message: str, hint: str) -> str:
    """Say what went wrong and what to do next."""
    return _page(
        "Quaymaster was not installed",
        f"<p>{escape(message)}</p><p>{escape(hint)}</p>"
        '<p><a href="/slack/install">Install Quaymaster</a></p>',
    )


def _row(scope: str) -> str:
    return f"<dt>{escape(scope)}</dt><dd>{escape(_REASONS[scope])}</dd>"


def _page(title: str, body: str) -> str:
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width">'
        f"<style>{_STYLE}</style><h1>{title}</h1>{body}</html>"
    )
