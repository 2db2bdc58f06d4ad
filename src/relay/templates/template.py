"""A message's text: fixed, or a Jinja2 template over an event."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from relay import limits
from relay.message.cleaning import message_text
from relay.problems import Mistake

VARIABLES = frozenset({"body", "headers", "source", "id", "item"})
_MARKS = ("{{", "{%", "{#")


@dataclass(frozen=True, slots=True)
class Template:
    """A compiled template; `variables` are the names it reads."""

    source: str
    variables: frozenset[str]
    _render: Callable[[Mapping[str, Any]], str] = field(repr=False, compare=False)

    def render(self, variables: Mapping[str, Any]) -> str:
        """Gives the text, without white space around it. Null prints as nothing, other values as in JSON.

        Raises:
            Mistake: something is undefined, of the wrong type, too long or too slow.
        """
        return self._render(variables)


@lru_cache(maxsize=512)
def compile_template(source: str) -> Template:
    """Compiles `source`, once per process.

    Raises:
        Mistake: the syntax is wrong, or it uses what a message's text has no need of.
    """
    if len(source) > limits.TEMPLATE_CHARS:
        raise Mistake(f"too long: expected at most {limits.TEMPLATE_CHARS} characters", "line 1")
    if not any(mark in source for mark in _MARKS):
        text = message_text(source)
        return Template(source, frozenset(), lambda _variables: text)
    # Imported here: a function whose texts are plain never pays for Jinja2.
    from relay.templates.limited import compile_limited

    return Template(source, *compile_limited(source, VARIABLES))
