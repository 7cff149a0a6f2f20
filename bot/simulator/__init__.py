"""``quaymaster try``: Slack's side, played on this machine, and a page that looks like it."""
