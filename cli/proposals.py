"""A plan from the files or from an earlier push: made, shown, asked about and carried out."""

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli.frame import Mistake, Refused
from cli.output import Output
from cli.target import Target

if TYPE_CHECKING:
    from cli.history import Entry, History
    from cli.plans import Change, Plan
    from cli.pushing import Store
    from configuration.parameters import Parameter
    from configuration.scheduler import Scheduler

_HINTS = {
    "base-url": "nothing can be sent; give --omni-base-url once",
    "authorization": "nothing can be sent; set OMNI_AUTHORIZATION once",
    "secrets": "this source refuses everything; give --secrets once",
}


@dataclass(frozen=True, slots=True)
class Files:
    """The options of plan and push."""

    config: Path
    secrets: Path | None
    omni_base_url: str | None
    kms_key_id: str | None
    delete_secrets: bool


@dataclass(frozen=True, slots=True)
class Proposal:
    """A plan with all that is needed to carry it out.

    `unfinished` is the last push if it died before its end.
    """

    target: Target
    store: "Store"
    history: "History"
    plan: "Plan"
    unfinished: "Entry | None"


def files(function: Callable[..., Any]) -> Callable[..., Any]:
    """Gives the verb the options that name its files, and its argument `files`."""
    from functools import wraps

    @click.option("--config", type=click.Path(path_type=Path), help="[default: relay.yaml, or the local stack's file]")
    @click.option(
        "--secrets", type=click.Path(path_type=Path), help="YAML: sources: {name: secret, or a list of them}."
    )
    @click.option("--omni-base-url", help="OMNI's address, such as https://api.infobip.com; needed once.")
    @click.option(
        "--kms-key-id", help="Your own key for all secrets of this push, changed or not; needed at each push."
    )
    @click.option("--delete-secrets", is_flag=True, help="Also delete the secrets of sources that are gone.")
    @wraps(function)
    def command(
        *,
        target: Target,
        config: Path | None,
        secrets: Path | None,
        omni_base_url: str | None,
        kms_key_id: str | None,
        delete_secrets: bool,
        **others: Any,
    ) -> Any:
        named = config or Path(target.run["config"] if target.run is not None else "relay.yaml")
        chosen = Files(named, secrets, omni_base_url, kms_key_id, delete_secrets)
        return function(target=target, files=chosen, **others)

    return command


def of_files(target: Target, given: Files) -> Proposal:
    """Compares the files with the target. Raises Mistakes and Unreadable before anything is written."""
    from cli.pushing import made_once, schedule_parameter
    from configuration.checking import unfollowed
    from configuration.files import read_yaml
    from configuration.mistakes import Mistakes
    from configuration.parameters import parameters_of
    from configuration.schedules import schedules_of

    config = read_yaml(given.config)
    wanted = parameters_of(
        config,
        read_yaml(given.secrets) if given.secrets else {},
        "",
        omni_base_url=given.omni_base_url,
        omni_authorization=os.environ.get("OMNI_AUTHORIZATION"),
    )
    if any(True for _ in unfollowed(config)) and target.parameters.get("DeliveryReports") == "off":
        raise Mistakes(list(unfollowed(config)))
    named = [replace(parameter, name=parameter.name.removeprefix("/")) for parameter in wanted]
    schedules = [schedule_parameter(schedule) for schedule in schedules_of(config)]
    if schedules and scheduler_of(target) is None:
        raise Mistake(f"stack {target.name} is older than this command, and takes no schedules: deploy it again")
    return _proposal(
        target,
        lambda current, _history: [*named, *schedules, *made_once(current)],
        given.kms_key_id,
        deletes_secrets=given.delete_secrets,
    )


def of_push(target: Target, number: int | None) -> tuple[Proposal, int]:
    """Compares an earlier push with the target; None is the one before the last. Secrets stay as they are.

    Gives that push's number, too. Raises Mistake.
    """
    found: list[int] = []

    def wanted(_current: Any, history: "History") -> "Iterable[Parameter]":
        chosen = history.head().number - 1 if number is None else number
        found.append(chosen)
        return history.content(entry_of(history, chosen)).values()

    return _proposal(target, wanted, None), found[0]


def entry_of(history: "History", number: int) -> "Entry":
    """Raises Mistake if there is no such push."""
    entry = history.entry(number)
    if entry is None:
        raise Mistake(f"there is no push {number}; `omni-relay history` lists them")
    return entry


def history_of(target: Target) -> "History":
    from cli.history import History

    return History(target.client("dynamodb"), target.output("TableName"))


def scheduler_of(target: Target) -> "Scheduler | None":
    """Gives the stack's group of schedules, or None for a stack that doesn't name it in its outputs."""
    from configuration.scheduler import Scheduler
    from configuration.scheduler import Target as Invoked

    names = ("ScheduleGroupName", "ScheduleFunctionArn", "SchedulerRoleArn", "DeadLetterQueueArn")
    if not set(names) <= target.outputs.keys():
        return None
    group, *arns = (target.outputs[name] for name in names)
    return Scheduler(target.client("scheduler"), group, Invoked(*arns))


def _proposal(
    target: Target, wanted: Callable[[Any, "History"], "Iterable[Parameter]"], kms_key_id: str | None, **choices: bool
) -> Proposal:
    from cli.plans import plan_of
    from cli.pushing import Store

    store = Store(target.client("ssm"), target.prefix, kms_key_id, scheduler_of(target))
    history = history_of(target)
    head = history.head()  # before the parameters, so that a push in between is noticed
    current = store.state()
    plan = plan_of(current, wanted(current, history), head.number, encrypts_anew=bool(kms_key_id), **choices)
    last = history.entry(head.number) if head.number else None
    return Proposal(target, store, history, plan, last if last and not last.done and not head.is_under_way else None)


def show(out: Output, proposal: Proposal) -> None:
    """Shows what would change, deletions first."""
    plan = proposal.plan
    out.data(_as_data(plan))
    if proposal.unfinished:
        _warn_of_unfinished(out, proposal.unfinished)
    _show_each(out, plan.changes)
    for name in plan.kept_secrets:
        out.line(f"keeps   {_words(name)}, although the source goes; --delete-secrets deletes it", "yellow")
    for name in plan.missing:
        out.remark(f"missing {_words(name)}: {_HINTS.get(name.rpartition('/')[2], '')}", "bold yellow")
    counts = plan.counts
    out.line(
        f"{counts['deleted']} to delete, {counts['changed']} to change, {counts['added']} to add,"
        f" {plan.unchanged} unchanged in {proposal.target.name}",
        "bold",
    )


def show_changes(out: Output, changes: "Sequence[Change]") -> None:
    """Shows what differs between two pushes, deletions first."""
    out.data([_told(change) for change in changes])
    _show_each(out, changes)
    if not changes:
        out.line("Nothing differs.")


def _show_each(out: Output, changes: "Sequence[Change]") -> None:
    for change in changes:
        if not change.is_index:
            _show_change(out, change)


_STYLES = {"delete": "bold red", "change": "yellow", "add": "green"}
_OF_SECRETS = {"delete": "deleted", "change": "changed", "add": "new"}
_VERBS = {"delete": "DELETE ", "change": "change ", "add": "add    "}


def _show_change(out: Output, change: "Change") -> None:
    from cli.plans import differences

    style = _STYLES[change.kind]
    out.line(f"{_VERBS[change.kind]} {change.what}", style)
    if change.is_secret:
        out.line(f"          {_OF_SECRETS[change.kind]}", style)
        return
    for field, before, after in differences(change):
        name = f"{field}: " if field else ""
        if before is not None:
            out.line(f"        - {name}{before}", "red")
        if after is not None:
            out.line(f"        + {name}{after}", "green")


def _words(name: str) -> str:
    from cli.plans import described

    return described(name)


def _warn_of_unfinished(out: Output, entry: "Entry") -> None:
    secrets = f"; give its secrets again: {', '.join(map(_words, entry.secrets))}" if entry.secrets else ""
    out.remark(f"Push {entry.number} by {entry.by} died before its end. A push completes it{secrets}.", "yellow")


def _as_data(plan: "Plan") -> dict[str, Any]:
    return {
        "after": plan.number,
        "changes": [_told(change) for change in plan.changes],
        "unchanged": plan.unchanged,
        "keptSecrets": plan.kept_secrets,
        "missing": plan.missing,
    }


def _told(change: "Change") -> dict[str, Any]:
    from cli.plans import differences

    values = [] if change.is_secret else list(differences(change))
    fields = [{"field": field, "before": before, "after": after} for field, before, after in values]
    return {"kind": change.kind, "what": change.what, "name": change.name, "fields": fields}


def ask(out: Output, question: str, *, yes: bool) -> None:
    """Asks, unless `yes`. Raises click.Abort for a no, and Mistake where nobody can answer."""
    import sys

    if yes:
        return
    if out.as_json or not sys.stdin.isatty():
        raise Mistake("nobody can answer here: give --yes")
    click.confirm(question, abort=True)


def carry_out(out: Output, proposal: Proposal, message: str | None, *, commit: str | None) -> None:
    """Changes what the proposal says, with a bar. Raises Refused if somebody else pushed meanwhile."""
    from cli.history import Entry, PushedMeanwhile
    from cli.pushing import carry_out, record_baseline

    plan, now = proposal.plan, datetime.now(UTC).isoformat(timespec="seconds")
    if not plan.changes:
        if proposal.unfinished:
            proposal.history.finish(proposal.unfinished.number)
        out.line("Nothing to change.")
        return
    if not plan.number:
        plan = replace(plan, number=record_baseline(proposal.history, proposal.store.state(), now))
    secrets = tuple(change.name for change in plan.changes if change.is_secret)
    entry = Entry(plan.number, now, _caller(proposal.target), commit, message, plan.counts, secrets)
    with out.progress() as bar:
        task = bar.add_task("parameters", total=len(plan.changes))
        try:
            made = carry_out(proposal.store, proposal.history, plan, entry, lambda _: bar.advance(task))
        except PushedMeanwhile as other:
            raise Refused(_meanwhile(other.entry, under_way=other.under_way)) from None
    out.line(f"Pushed as {made.number}; functions see it within ConfigTtlSeconds.", "bold green")


def _meanwhile(entry: "Entry", *, under_way: bool) -> str:
    if under_way:
        return f"push {entry.number} by {entry.by} is under way since {entry.at}: try again when it has ended"
    return f"{entry.by} pushed {entry.number} at {entry.at}, after this plan was made: look at the plan again"


def _caller(target: Target) -> str:
    if target.is_local:
        from getpass import getuser

        return getuser()
    arn: str = target.client("sts").get_caller_identity()["Arn"]
    return arn


def commit_of(config: Path) -> str | None:
    """Gives the commit of the file's repository, with `+` if the file isn't committed as it is. None outside of git."""
    import subprocess

    def git(*arguments: str) -> str | None:
        command = ["git", "-C", str(config.absolute().parent), *arguments]
        try:
            run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)
        except (OSError, subprocess.TimeoutExpired):
            return None
        return run.stdout.strip() if run.returncode == 0 else None

    head = git("rev-parse", "--short=12", "HEAD")
    changed = git("status", "--porcelain", "--", config.name) if head else None
    return f"{head}+" if changed else head
