"""A store or a keyring that counts what is asked of it, and fails when it is told to."""

from typing import Any


class Watched:
    """A port before a real one."""

    def __init__(self, real: object) -> None:
        self._real = real
        self.calls: list[str] = []
        self.failing: dict[str, Exception] = {}
        """What the next calls of a method raise, by its name, instead of answering."""

    def __getattr__(self, name: str) -> Any:
        """Count a call of a method, then let the real one answer."""
        method = getattr(self._real, name)

        def watched(*arguments: Any, **named: Any) -> Any:
            self.calls.append(name)
            if name in self.failing:
                raise self.failing[name]
            return method(*arguments, **named)

        return watched
