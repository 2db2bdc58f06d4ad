"""Each thing that `make check` doesn't look at is named, with its reason."""

from typing import Any


def test_every_skipped_check_says_why(document: dict[str, Any]) -> None:
    skips = [
        skip
        for resource in document["Resources"].values()
        for skip in resource.get("Metadata", {}).get("checkov", {}).get("skip", [])
    ]

    assert skips
    assert not [skip["id"] for skip in skips if len(skip["comment"].split()) < 4]


def test_only_functions_skip_checks(document: dict[str, Any]) -> None:
    skipping = {one["Type"] for one in document["Resources"].values() if "checkov" in one.get("Metadata", {})}

    assert skipping == {"AWS::Serverless::Function", "AWS::Lambda::Function"}
