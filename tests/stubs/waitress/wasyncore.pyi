from typing import Any

def close_all(map: dict[int, Any]) -> None: ...  # noqa: A002 - the name is waitress's
def loop(
    timeout: float = ...,
    use_poll: bool = ...,
    map: dict[int, Any] | None = ...,  # noqa: A002 - the same
    count: int | None = ...,
) -> None: ...
