"""Says what would be sent if a parked item went back now, by the configuration that is deployed."""

from collections.abc import Iterator
from dataclasses import replace

from cli.explaining import Explaining
from cli.frame import Mistake
from cli.letters import Entry
from cli.previews import NOBODY, Row, rows_of
from relay.model.dispatches import dispatches_after
from relay.model.items import QueueItem, Watch
from relay.ports import ConfigurationUnavailable


def prospects(entry: Entry, explaining: Explaining) -> list[Row]:
    """Returns a row for each text of each message, or one that says why there is none.

    What was sent already is in it, too: only the ledger knows that.
    """
    source, route = entry.parked.source, entry.facts.route or ""
    try:
        return [row for item in entry.items for row in _of(item, explaining)]
    except Mistake as mistake:
        return [Row(source, route, NOBODY, text=f"parked again: {mistake.message}", fails=True)]
    except ConfigurationUnavailable as problem:
        return [Row(source, route, NOBODY, text=f"the configuration can't be read: {problem}", fails=True)]


def _of(item: QueueItem, explaining: Explaining) -> Iterator[Row]:
    if item.watch:
        yield from _after(item.watch, explaining)
    elif item.records is not None:
        for record in item.records:
            yield Row(record.source, record.route, NOBODY, text=f"the record of message {record.message_id} is written")
    else:
        for one in explaining(item):
            yield from rows_of(one)


def _after(watch: Watch, explaining: Explaining) -> Iterator[Row]:
    names = {"event_id": watch.event_id, "source": watch.source, "route": watch.route}
    limit = explaining.explainer.destinations_per_request
    for message_id in watch.message_ids:
        for dispatch in dispatches_after(message_id, names, watch.steps, limit):
            for row in rows_of(explaining.explainer.dispatch(dispatch)):
                yield replace(row, text=f"unless {message_id} is delivered: {row.text}")
