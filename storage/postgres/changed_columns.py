"""Whether the columns next to a sealed document are those written with it: searches use them."""

from collections.abc import Callable, Iterator, Sequence

from bot.core.errors import QuaymasterError
from storage.postgres.connections import Pool, Step
from storage.postgres.rows import Parameters, dependency_row, integration_row, token_row
from storage.postgres.sealed_rows import SEAL, Key, SealedRows
from storage.records import READ_ERRORS, Fields

_COLUMNS: dict[str, Callable[[SealedRows, Key, Fields], Parameters]] = {
    "integrations": lambda rows, key, doc: integration_row(rows.integration(str(key[0]), doc)),
    "dependencies": lambda rows, _, doc: dependency_row(rows.dependency(doc, None)),
    "tokens": lambda rows, key, doc: token_row(rows.token(str(key[0]), doc, None)),
}
"""What the columns of a row must hold, by table; in other tables each column is part of the key."""


def changed_columns(
    reads: Pool, sealed: SealedRows, table: str, rows: Sequence[tuple[Key, Fields]]
) -> Iterator[str]:
    """
    Name the rows whose columns say something else than their documents, and those that cannot be read.

    A row that was changed since it was read is passed over.
    """
    if table not in _COLUMNS or not rows:
        return
    compared: list[Key] = []
    steps: list[Step] = [("set_workspace", {"ws": sealed.ws})]
    for key, doc in rows:
        try:
            columns = _COLUMNS[table](sealed, key, doc)
        except (QuaymasterError, *READ_ERRORS):
            yield f"it cannot be read: {sealed.place(table, key)}"
            continue
        given = {name: value for name, value in columns.items() if name != "doc"}
        steps.append((f"same_{table}", {"ws": sealed.ws, "seal": doc[SEAL], **given}))
        compared.append(key)
    for key, found in zip(compared, reads.ask(*steps)[1:], strict=True):
        if found == [(False,)]:
            yield f"its columns are not those of its document: {sealed.place(table, key)}"
