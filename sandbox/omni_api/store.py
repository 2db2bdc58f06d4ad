"""Keeps the newest messages and the newest trails up to a limit, and every id that was ever accepted."""

from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator, Mapping
from hashlib import blake2b
from itertools import count
from typing import Any

from sandbox.omni_api.models import Message


def _digest(message_id: str) -> bytes:
    """Sixteen bytes for an id, because ids are remembered for ever."""
    return blake2b(message_id.encode(), digest_size=16).digest()


class _Index:
    """The serials of the messages that share a name, so that few of many messages are found at once."""

    def __init__(self, name_of: Callable[[Message], str | None]) -> None:
        self._name_of = name_of
        self._serials: dict[str, set[int]] = {}

    def add(self, message: Message) -> None:
        if (name := self._name_of(message)) is not None:
            self._serials.setdefault(name, set()).add(message.serial)

    def remove(self, message: Message) -> None:
        name = self._name_of(message)
        if name is not None and (serials := self._serials[name]) == {message.serial}:
            del self._serials[name]
        elif name is not None:
            serials.remove(message.serial)

    def find(self, names: Collection[str]) -> set[int]:
        return {serial for name in names for serial in self._serials.get(name, ())}

    def clear(self) -> None:
        self._serials.clear()


class MessageStore:
    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._messages: OrderedDict[int, Message] = OrderedDict()
        self._by_id = _Index(lambda message: message.message_id)
        self._by_bulk = _Index(lambda message: message.bulk_id)
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
        for index in (self._by_id, self._by_bulk):
            index.add(message)
        while len(self._messages) > self._limit:
            _, oldest = self._messages.popitem(last=False)
            for index in (self._by_id, self._by_bulk):
                index.remove(oldest)

    def get(self, serial: int) -> Message | None:
        return self._messages.get(serial)

    def replace(self, message: Message) -> None:
        """Stores a message's new value. A message that was deleted meanwhile stays deleted."""
        if message.serial in self._messages:
            self._messages[message.serial] = message

    def __len__(self) -> int:
        return len(self._messages)

    def newest_first(
        self, *, ids: Collection[str] | None = None, bulks: Collection[str] | None = None
    ) -> Iterator[Message]:
        """The messages with one of these ids and of one of these bulks. None means any."""
        if ids is None and bulks is None:
            return reversed(self._messages.values())
        found = [
            index.find(names) for index, names in ((self._by_id, ids), (self._by_bulk, bulks)) if names is not None
        ]
        return (self._messages[serial] for serial in sorted(set.intersection(*found), reverse=True))

    def empty(self, *, forget_ids: bool) -> None:
        self._messages.clear()
        self._by_id.clear()
        self._by_bulk.clear()
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
