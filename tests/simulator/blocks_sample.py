"""Blocks, forms and a Home for a small app to show."""

from typing import Any


def plain(text: str) -> dict[str, Any]:
    """Return a plain text object."""
    return {"type": "plain_text", "text": text}


def button(action_id: str, text: str, value: str = "", **more: Any) -> dict[str, Any]:
    """Return a button."""
    return {"type": "button", "action_id": action_id, "text": plain(text), "value": value, **more}


def option(text: str, value: str) -> dict[str, Any]:
    """Return an option of a menu."""
    return {"text": plain(text), "value": value}


def section(text: str, **more: Any) -> dict[str, Any]:
    """Return a section of mrkdwn."""
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}, **more}


def text_input(block_id: str, label: str, **more: Any) -> dict[str, Any]:
    """Return an input block with one line of text."""
    element = {"type": "plain_text_input", "action_id": block_id, **more.pop("element", {})}
    return {"type": "input", "block_id": block_id, "label": plain(label), "element": element, **more}


def row(name: str) -> dict[str, Any]:
    """Return one row of the demo's list."""
    return section(
        f"*{name}*\nPrivate Docker Registry · `registry.example.com` · <@U0TRYADMIN> · 3 dependencies",
        block_id=f"row-{name}",
        accessory={
            "type": "overflow",
            "action_id": "menu",
            "options": [option("Show", f"show {name}"), option("Edit", f"edit {name}")],
        },
    )


LIST = [
    {"type": "header", "text": plain("Integrations")},
    {
        "type": "actions",
        "block_id": "tools",
        "elements": [
            {
                "type": "static_select",
                "action_id": "filter",
                "placeholder": plain("Filters"),
                "options": [option("All", "all"), option("Docker", "docker"), option("ECR", "ecr")],
            },
            button("add", "Add Integration", style="primary"),
        ],
    },
    {"type": "divider"},
    row("prod-registry"),
    {"type": "actions", "block_id": "row-actions", "elements": [button("delete", "Delete", "prod-registry")]},
    {"type": "divider"},
    row("build-cache"),
    {"type": "context", "elements": [{"type": "mrkdwn", "text": ":lock: 2 integrations · page 1 of 1"}]},
]

FORGET = button(
    "remove",
    "Forget",
    style="danger",
    confirm={
        "title": plain("Are you sure?"),
        "text": plain("All of them."),
        "confirm": plain("Yes"),
        "deny": plain("No"),
    },
)

CONFIRMATION = [
    {"type": "header", "text": plain("Delete prod-registry?")},
    section(":warning: *3 dependencies* would stop working. Remove each of them first."),
    {"type": "divider"},
    section("*Project*"),
    section(
        "`web-shop` · added by <@U0TRYMARCO> <!date^1700000000^{date_short}|Nov 14, 2023> · <https://example.com/p|Settings>",
        block_id="dep-1",
        accessory=button("remove", "Remove", "1"),
    ),
    section("*Environment*"),
    section("`staging`", block_id="dep-2", accessory=button("remove", "Remove", "2")),
    {"type": "actions", "block_id": "end", "elements": [button("cancel", "Cancel"), FORGET]},
]

KINDS = [option("Docker Hub", "dockerhub"), option("Private Docker Registry", "private")]

TEAMS = [option("Web shop", "web-shop"), option("Web site", "web-site"), option("Billing", "billing")]

FORM = {
    "type": "modal",
    "callback_id": "add",
    "title": plain("Add integration"),
    "submit": plain("Save"),
    "close": plain("Cancel"),
    "notify_on_close": True,
    "private_metadata": "C0TRYINTEG",
    "blocks": [
        {
            "type": "input",
            "block_id": "kind",
            "dispatch_action": True,
            "label": plain("Integration type"),
            "element": {
                "type": "static_select",
                "action_id": "kind",
                "options": KINDS,
                "initial_option": KINDS[1],
            },
        },
        text_input("name", "Integration Name"),
        text_input(
            "url", "URL", hint=plain("Where the registry answers, such as https://registry.example.com")
        ),
        text_input("password", "Password"),
        {
            "type": "input",
            "block_id": "email",
            "optional": True,
            "label": plain("Email"),
            "element": {"type": "email_text_input", "action_id": "email"},
        },
        {
            "type": "input",
            "block_id": "team",
            "optional": True,
            "label": plain("Team"),
            "element": {"type": "external_select", "action_id": "team", "min_query_length": 2},
        },
        {
            "type": "input",
            "block_id": "unchecked",
            "optional": True,
            "label": plain("Check"),
            "element": {
                "type": "checkboxes",
                "action_id": "unchecked",
                "options": [option("Save without checking", "yes")],
            },
        },
    ],
}

HOME = {"type": "home", "blocks": [{"type": "header", "text": plain("Your integrations")}, *LIST[1:]]}


def picker(kind: str, label: str, **more: Any) -> dict[str, Any]:
    """Return an input block with a menu or picker whose block_id and action_id are its kind."""
    block = {key: more.pop(key) for key in ("optional", "dispatch_action") if key in more}
    element = {"type": kind, "action_id": kind, **more}
    return {"type": "input", "block_id": kind, "label": plain(label), "element": element, **block}


KINDS = [
    {"label": plain("Amazon"), "options": [option("ECR", "ecr"), option("ECR Public", "ecr-public")]},
    {"label": plain("Google"), "options": [option("Artifact Registry", "gar")]},
]
SURE = {
    "title": plain("Really?"),
    "text": plain("It stops builds."),
    "confirm": plain("Yes"),
    "deny": plain("No"),
}

PICKERS = {
    "type": "modal",
    "title": plain("Every picker"),
    "submit": plain("Save"),
    "blocks": [
        picker("multi_static_select", "Kinds", option_groups=KINDS),
        picker("multi_external_select", "Teams", min_query_length=1, optional=True),
        picker("users_select", "New owner", placeholder=plain("Choose a person"), optional=True),
        picker("multi_users_select", "Who is told", initial_users=["U0TRYADMIN"], optional=True),
        picker("conversations_select", "Where", default_to_current_conversation=True, optional=True),
        picker("multi_channels_select", "Channels", optional=True),
        picker("datepicker", "Ends on", optional=True),
        picker("timepicker", "At", optional=True),
        picker("datetimepicker", "Next check", optional=True),
        picker("number_input", "Days", is_decimal_allowed=False, min_value="1", optional=True),
        picker(
            "radio_buttons",
            "Who may fetch it",
            options=[
                {**option("All workflows", "all"), "description": plain("Every token of this workspace")},
                option("Linked targets only", "linked"),
            ],
            initial_option={
                **option("All workflows", "all"),
                "description": plain("Every token of this workspace"),
            },
            dispatch_action=True,
            confirm=SURE,
        ),
        {
            "type": "actions",
            "block_id": "more",
            "elements": [button("push", "More", "more")],
        },
    ],
}

SECOND = {
    "type": "modal",
    "title": plain("On top"),
    "close": plain("Back"),
    "blocks": [section("Second form.")],
}
