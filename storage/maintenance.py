"""Seals every credential anew under the primary key, after a new key was put first.

May be stopped and run again: each batch is a change of its own, and a record that is sealed under the
primary key already is passed over. It changes no version: nobody's button grows stale by it.
"""

from collections.abc import Iterable
from dataclasses import replace

from bot.core.errors import KeyringFailure
from bot.core.model import Integration
from bot.core.secrets import Place, Sealed
from storage.sealing import Keyring, kid_of
from storage.tinydb.transaction import Draft
from storage.tinydb.workspace import OpenWorkspace

BATCH = 100
MOST_NAMED = 10


def reseal_all(workspaces: Iterable[OpenWorkspace], keyring: Keyring) -> int:
    """
    Seal anew what is not sealed under the primary key.

    Args:
        workspaces: Where the records are.
        keyring: Holds the old keys and, first, the new one.

    Returns:
        How many records were sealed anew.

    Raises:
        KeyringFailure: Some records need a key that is not loaded; the others were sealed anew.
    """
    count = 0
    left: list[str] = []
    for opened in workspaces:
        opened.keyring = keyring
        old = [one for one in opened.view.by_id.values() if needs_reseal(one, keyring)]
        ready = [one.id for one in old if keyring.has_key_for(sealed(one))]
        left += [f"{one.name} (key {kid_of(sealed(one))})" for one in old if one.id not in set(ready)]
        for start in range(0, len(ready), BATCH):
            count += reseal_batch(opened, ready[start : start + BATCH])
        opened.seal_head_anew()
    if left:
        raise unopened(count, left)
    return count


def reseal_batch(opened: OpenWorkspace, ids: Iterable[str]) -> int:
    """Seal some integrations of one workspace anew, in one change; say how many it still concerned."""
    with opened.change() as draft:
        return sum(reseal_one(draft, opened, integration_id) for integration_id in ids)


def reseal_one(draft: Draft, opened: OpenWorkspace, integration_id: str) -> bool:
    """Seal one integration anew; False when it was deleted or given a new secret meanwhile."""
    present = draft.integration(integration_id)
    if present is None or not needs_reseal(present, opened.keyring):
        return False
    place = Place(opened.key, integration_id)
    credential = opened.keyring.open(place, sealed(present))
    draft.put_integration(replace(present, secret=opened.keyring.seal(place, credential)))
    return True


def needs_reseal(integration: Integration, keyring: Keyring) -> bool:
    """True when its secret is sealed under another key than the primary."""
    return integration.secret is not None and keyring.needs_reseal(integration.secret)


def sealed(integration: Integration) -> Sealed:
    """The secret of an integration that has one."""
    return integration.secret or Sealed("")


def unopened(count: int, left: list[str]) -> KeyringFailure:
    """Name the records that no loaded key opens."""
    named = ", ".join(left[:MOST_NAMED]) + (", …" if len(left) > MOST_NAMED else "")
    return KeyringFailure(
        f"Sealed anew: {count}. Sealed with a key that is not loaded, and left: {named}.",
        "Add that key to the keyring and run this again, or enter those credentials anew.",
    )
