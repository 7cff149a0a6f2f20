"""A simulated Slack and a page that looks like it, for ``quaymaster try`` and for the feature tests."""
