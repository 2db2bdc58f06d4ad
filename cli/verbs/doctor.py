"""`omni-relay doctor`: what is wrong with a stack, and what to do about it."""

from dataclasses import asdict

from cli.frame import DONE, FOUND, prints, verb
from cli.output import Output
from cli.target import Target, targets

_SIGNS = {"ok": ("ok", "green"), "warning": ("warning", "yellow"), "bad": ("bad", "red")}


@verb("doctor", "omni-relay doctor --stack omni-relay-prod", "omni-relay doctor --local --json")
@targets
@prints
def command(*, target: Target, out: Output) -> int:
    """Examine a stack: OMNI's key, scenarios, secrets, queues, alarms, reports, mutes and versions.

    Each finding comes with its cure. The exit code is 3 if something is bad.
    """
    from cli.examination import examine

    findings = []
    for finding in examine(target):
        findings.append(finding)
        sign, style = _SIGNS[finding.grade]
        cure = (f"— {finding.cure}", "") if finding.cure else ("", "")
        out.pieces((sign.ljust(8), style), (finding.subject, "bold"), (finding.detail, ""), cure, joint=" ")
    out.data([asdict(finding) for finding in findings])
    return FOUND if any(finding.grade == "bad" for finding in findings) else DONE
