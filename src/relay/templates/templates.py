"""Texts of messages: Jinja2 templates over an event that can neither escape, nor loop, nor grow without bound."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from relay.problems import Mistake

VARIABLES = frozenset({"body", "headers", "source", "id", "item"})
_MARKS = ("{{", "{%", "{#")


@dataclass(frozen=True, slots=True)
class TemplateLimits:
    """What one rendering may cost; `seconds` is processor time, so that a busy machine refuses nothing."""

    output_chars: int = 20_000
    iterations: int = 10_000
    seconds: float = 0.25
    source_chars: int = 8_000
    built_chars: int = 4_000_000  # everything that filters and operators make on the way to the text


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


_LIMITS = TemplateLimits()


@lru_cache(maxsize=512)
def compile_template(source: str, limits: TemplateLimits = _LIMITS) -> Template:
    """Compiles `source`, once per process.

    Raises:
        Mistake: the syntax is wrong, or it uses what a message's text has no need of.
    """
    if len(source) > limits.source_chars:
        raise Mistake(f"too long: expected at most {limits.source_chars} characters", "line 1")
    # Imported here: a function whose texts are plain never pays for Jinja2.
    if not any(mark in source for mark in _MARKS):
        from relay.message.cleaning import message_text

        text = message_text(source)
        return Template(source, frozenset(), lambda _variables: text)
    from relay.templates.sandbox import compile_source

    return compile_source(source, limits)
