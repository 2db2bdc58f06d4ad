"""The saved queries ask all functions, and docs/operations.md says what each answers."""

from typing import Any

from sandbox.stack.settings import PROJECT
from tests.support.template import of_type


def test_each_saved_query_is_explained(document: dict[str, Any]) -> None:
    queries = of_type(document, "AWS::Logs::QueryDefinition").values()
    names = [query["Name"]["Fn::Sub"].rpartition("/")[2] for query in queries]
    page = (PROJECT / "docs" / "operations.md").read_text(encoding="utf-8")

    assert len(names) == len(set(names)) == 10
    assert [name for name in names if f"| `{name}` | " not in page] == []


def test_each_saved_query_asks_every_function(document: dict[str, Any]) -> None:
    functions = of_type(document, "AWS::Serverless::Function").values()
    groups = {function["LoggingConfig"]["LogGroup"]["Ref"] for function in functions}

    for query in of_type(document, "AWS::Logs::QueryDefinition").values():
        assert {group["Ref"] for group in query["LogGroupNames"]} == groups
