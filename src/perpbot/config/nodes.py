"""Values with the place they were written at, before anyone knows what they mean."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Scalar = Any  # None, bool, int, Decimal or str: what YAML 1.2 knows


@dataclass(frozen=True, slots=True)
class Source:
    """Where a value came from; `where` is what an error begins with: ``perpbot.yaml:3:17`` or ``--set risk.x``."""

    origin: Literal["default", "file", "environment", "set", "change"]
    where: str = "configuration"


DEFAULT = Source("default")
"""The place of what nobody wrote."""


@dataclass(slots=True)
class Node:
    """One value, its place, the place of its key, and its text as written."""

    value: "Scalar | dict[str, Node] | list[Node]"
    source: Source
    key_source: Source
    text: str = ""

    def plain(self) -> Any:
        """The value without its places."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value

    def child(self, key: str) -> "Node | None":
        """The value under a key, or at an index of a list."""
        if isinstance(self.value, dict):
            return self.value.get(key)
        if isinstance(self.value, list) and key.isdecimal() and int(key) < len(self.value):
            return self.value[int(key)]
        return None

    def nearest(self, path: Sequence[str]) -> tuple["Node", int]:
        """The node at the path, or the last one on the way there, and how many steps lead to it."""
        node, steps = self, 0
        for key in path:
            child = node.child(key)
            if child is None:
                break
            node, steps = child, steps + 1
        return node, steps

    def put(self, path: Sequence[str], node: "Node") -> None:
        """Lay a value over what stands at the path, making the mappings that lead there."""
        *parents, last = path
        holder = self
        for key in parents:
            if not isinstance(holder.value, dict):
                holder.value, holder.source = {}, node.source
            holder = holder.value.setdefault(key, Node({}, node.source, node.source))
        if not isinstance(holder.value, dict):
            holder.value, holder.source = {}, node.source
        holder.value[last] = node

    def leaves(self, prefix: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], "Node"]]:
        """Every value that is no mapping, with its path; a list as a whole, then its items."""
        if isinstance(self.value, dict):
            for key, node in self.value.items():
                yield from node.leaves((*prefix, key))
            return
        yield prefix, self
        for i, node in enumerate(self.value if isinstance(self.value, list) else ()):
            yield from node.leaves((*prefix, str(i)))
