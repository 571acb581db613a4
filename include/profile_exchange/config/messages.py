"""What is wrong, as one sentence that says what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from profile_exchange.config.forms import ADVICE
from profile_exchange.config.yaml_source import shortened

#: What pydantic calls an error, as a sentence; in braces the limits that pydantic adds.
_SENTENCES = {
    "string_too_short": "this must not be empty.",
    "string_too_long": "this is longer than {max_length} characters.",
    **dict.fromkeys(("bool_type", "bool_parsing"), "this must be true or false."),
    **dict.fromkeys(("float_type", "float_parsing"), "this must be a number."),
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), "this must be a whole number."),
    "greater_than": "this must be more than {gt:g}.",
    "greater_than_equal": "this must be {ge:g} or more.",
    "less_than_equal": "this must be {le:g} or less.",
    "list_type": "this must be a list.",
    "too_short": "this needs at least one entry.",
    **dict.fromkeys(("dict_type", "model_type"), "this must be a mapping of keys to values."),
}


def nearest(word: str, known: Iterable[str]) -> str:
    """`` Did you mean 'x'?``, or nothing when no known word is close."""
    candidates = {candidate.lower(): candidate for candidate in known}
    close = difflib.get_close_matches(word.lower()[:100], list(candidates), n=1, cutoff=0.5)
    return f" Did you mean {candidates[close[0]]!r}?" if close else ""


def sentence(wrong: Mapping[str, Any]) -> str:
    """One of pydantic's errors (`ValidationError.errors()`) as what a person has to do."""
    kind, value, context = wrong["type"], wrong["input"], wrong.get("ctx", {})
    if value is None and kind.endswith("_type"):
        return "there is no value here; write one, or remove the key."
    match kind:
        case "enum" | "literal_error":
            return _no_member(value, str(context["expected"]))
        case "string_type":
            return _no_text(value)
        case "string_pattern_mismatch":
            return ADVICE.get(context["pattern"], "this does not have the form it should have.")
        case "value_error":
            return str(context["error"])
    otherwise = f"{wrong['msg'][0].lower()}{wrong['msg'][1:]}."
    return _SENTENCES.get(kind, "{otherwise}").format_map({**context, "otherwise": otherwise})


def _no_member(value: object, expected: str) -> str:
    members = [word.strip(" '") for word in expected.replace(" or ", ", ").split(",")]
    if len(members) == 1:
        return f"{shortened(value)} is neither {members[0]} nor a list."
    near = nearest(str(value), members)
    return f"{shortened(value)} is not one of {', '.join(members)}.{near}"


def _no_text(value: object) -> str:
    if isinstance(value, int | float):
        kind = "true or false" if isinstance(value, bool) else "a number"
        return f"this must be text but reads as {kind}; put it in quotes."
    return "this must be text."
