"""`omni-relay push`: writes relay.yaml and its secrets into SSM Parameter Store."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.frame import prints, verb
from cli.output import Output
from cli.target import Target, targets

if TYPE_CHECKING:
    from cli.pushing import Changes

_HINTS = {
    "base-url": "nothing can be sent; give --omni-base-url once",
    "authorization": "nothing can be sent; set OMNI_AUTHORIZATION once",
    "secrets": "this source refuses everything; give --secrets once",
}


@verb("push", "omni-relay push --secrets secrets.yaml", "omni-relay push --stack omni-relay-prod --dry-run")
@click.option("--config", type=click.Path(path_type=Path), default="relay.yaml", show_default=True)
@click.option("--secrets", type=click.Path(path_type=Path), help="YAML: sources: {name: secret, or a list of them}.")
@click.option("--omni-base-url", help="OMNI's address, such as https://api.infobip.com; needed once.")
@click.option("--kms-key-id", help="Your own key for all secrets of this push, changed or not; needed at each push.")
@click.option("--dry-run", is_flag=True, help="Say what would change.")
@targets
@prints
def command(
    *,
    target: Target,
    out: Output,
    config: Path,
    secrets: Path | None,
    omni_base_url: str | None,
    kms_key_id: str | None,
    dry_run: bool,
) -> None:
    """Write relay.yaml and its secrets into SSM Parameter Store.

    The variable OMNI_AUTHORIZATION gives the value of the account's Authorization header; it is needed once.
    """
    from cli.pushing import apply, changes
    from configuration.files import read_yaml
    from configuration.parameters import parameters_of

    content, known = read_yaml(config), read_yaml(secrets) if secrets else {}
    account = {"omni_base_url": omni_base_url, "omni_authorization": os.environ.get("OMNI_AUTHORIZATION")}
    parameters_of(content, known, "/checked", **account)  # a mistake is told before anything is called
    wanted = parameters_of(content, known, target.prefix, **account)
    client = target.client("ssm")
    planned = changes(client, target.prefix, wanted, encrypts_anew=bool(kms_key_id))
    _show(out, planned)
    if not dry_run:
        apply(client, planned, kms_key_id)
    verb = "would be " if dry_run else ""
    out.line(
        f"{len(planned.written)} {verb}written, {len(planned.deleted)} {verb}deleted, {planned.unchanged} unchanged;"
        " functions see it within ConfigTtlSeconds"
    )


def _show(out: Output, planned: "Changes") -> None:
    for parameter in planned.written:
        out.line(f"write   {parameter.name} ({parameter.type})")
    for name in planned.deleted:
        out.line(f"delete  {name}")
    for name in planned.missing:
        out.remark(f"missing {name}: {_HINTS.get(name.rpartition('/')[2], '')}")
    written = [{"name": parameter.name, "type": parameter.type} for parameter in planned.written]
    out.data({"written": written, "deleted": planned.deleted, "missing": planned.missing})
