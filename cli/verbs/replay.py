"""`omni-relay replay`: puts parked items back on the delivery queue."""

from typing import TYPE_CHECKING, Any

import click

from cli.frame import prints, verb
from cli.output import Output
from cli.target import Target, targets

if TYPE_CHECKING:
    from cli.replaying import Entry
    from relay.model.items import Parked


@verb("replay", "omni-relay replay --dry-run", "omni-relay replay --source github --reason route_invalid")
@click.option("--source", help="Only what came from this source.")
@click.option("--reason", help="Only what is parked for this reason.")
@click.option("--queue-url", help="Instead of the stack's output.")
@click.option("--dead-letter-queue-url", help="Instead of the stack's output.")
@click.option("--dry-run", is_flag=True, help="List it, and leave it where it is.")
@targets
@prints
def command(
    *,
    target: Target,
    out: Output,
    source: str | None,
    reason: str | None,
    queue_url: str | None,
    dead_letter_queue_url: str | None,
    dry_run: bool,
) -> None:
    """Put what is parked back on the queue."""
    from cli.replaying import DeadLetters, Selection, replay

    letters = DeadLetters(
        target.client("sqs"),
        queue_url or target.output("QueueUrl"),
        dead_letter_queue_url or target.output("DeadLetterQueueUrl"),
    )
    verb = "would go back" if dry_run else "goes back"
    shown: list[dict[str, Any]] = []
    with out.progress() as bar:
        task = bar.add_task("parked items", total=len(letters))

        def show(entry: "Entry", goes: bool) -> None:
            bar.advance(task)
            out.line(f"{verb if goes else 'stays'}: {_told(entry.parked)}")
            shown.append({"goes": goes, **_summary(entry.parked)})

        tally = replay(letters, Selection(source, _reason(reason)), dry_run=dry_run, show=show)
    out.line(f"{tally.replayed} {'would be ' if dry_run else ''}replayed, {tally.left} left")
    out.data({"replayed": tally.replayed, "left": tally.left, "items": shown})


def _reason(given: str | None) -> Any:
    """Raises BadParameter."""
    from relay.model.items import Reason

    try:
        return Reason(given) if given else None
    except ValueError:
        raise click.BadParameter(f"expected one of {', '.join(Reason)}", param_hint="--reason") from None


def _summary(parked: "Parked") -> dict[str, Any]:
    """Gives the item without its body and recipients."""
    shown = {"source", "reason", "detail", "attempts", "first_attempt_at", "last_attempt_at"}
    ids = {
        "event": parked.dispatch.event_id if parked.dispatch else parked.event.id if parked.event else None,
        "route": parked.dispatch.route if parked.dispatch else None,
    }
    return {**ids, **parked.model_dump(mode="json", include=shown)}


def _told(parked: "Parked") -> str:
    return (
        f"{_origin(parked)}: {parked.reason}"
        f" ({parked.attempts} attempts, {parked.first_attempt_at:%Y-%m-%d %H:%M} to"
        f" {parked.last_attempt_at:%Y-%m-%d %H:%M} UTC): {parked.detail}"
    )


def _origin(parked: "Parked") -> str:
    """Gives the words by which the item's log lines are found."""
    if parked.dispatch:
        return f"{parked.source} {parked.dispatch.event_id}, route {parked.dispatch.route}"
    return f"{parked.source} {parked.event.id}" if parked.event else "(unknown source)"
