"""Keeps the newest messages and the newest trails up to a limit, and every id that was ever accepted."""

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from itertools import count
from typing import Any

from sandbox.omni_api.models import Message


def _digest(message_id: str) -> bytes:
    """Sixteen bytes for an id, because ids are remembered for ever."""
    return blake2b(message_id.encode(), digest_size=16).digest()


class MessageStore:
    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._messages: OrderedDict[int, Message] = OrderedDict()
        self._seen: set[bytes] = set()
        self._trails: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self._serials = count(1)

    def next_serial(self) -> int:
        return next(self._serials)

    def seen(self, message_id: str) -> bool:
        """Whether a message with this id was ever accepted."""
        return _digest(message_id) in self._seen

    def add(self, message: Message) -> None:
        self._seen.add(_digest(message.message_id))
        self._messages[message.serial] = message
        while len(self._messages) > self._limit:
            self._messages.popitem(last=False)

    def get(self, serial: int) -> Message | None:
        return self._messages.get(serial)

    def replace(self, message: Message) -> None:
        """Stores a message's new value. A message that was deleted meanwhile stays deleted."""
        if message.serial in self._messages:
            self._messages[message.serial] = message

    def __len__(self) -> int:
        return len(self._messages)

    def oldest_first(self) -> Iterator[Message]:
        return iter(self._messages.values())

    def newest_first(self) -> Iterator[Message]:
        return reversed(self._messages.values())

    def empty(self, *, forget_ids: bool) -> None:
        self._messages.clear()
        self._trails.clear()
        if forget_ids:
            self._seen.clear()

    def add_trail(self, message_id: str, parts: Mapping[str, Any]) -> None:
        """Merges parts into a message's trail. The message may not have arrived yet."""
        trail = self._trails.setdefault(message_id, {})
        for name, part in parts.items():
            known = trail.get(name)
            trail[name] = {**known, **part} if isinstance(known, dict) and isinstance(part, dict) else part
        while len(self._trails) > self._limit:
            self._trails.popitem(last=False)

    def trail(self, message_id: str) -> Mapping[str, Any]:
        return self._trails.get(message_id, {})
