"""Verdicts in, text out: the table of figures with their aims, and the list of what is wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from benchmarks.maskbench.judge import Verdict

_HEAD = "| figure | is | aim |\n|---|---|---|\n"


def summary(verdicts: Sequence[Verdict]) -> str:
    """A Markdown table."""
    judged = [verdict for verdict in verdicts if not verdict.failure]
    compiled = [verdict for verdict in verdicts if not verdict.failure or verdict.failure.startswith("unread")]
    seconds = sorted(verdict.seconds for verdict in verdicts)
    invalid = sum(verdict.invalid for verdict in judged)
    rules = sorted(verdict.rules for verdict in judged) or [0]
    failed = Counter(verdict.failure.partition(":")[0] for verdict in verdicts if verdict.failure)
    rows = [
        ("schemas", str(len(verdicts)), ""),
        ("compiled", _share(len(compiled), len(verdicts)), "99 %"),
        ("wholly right", _share(sum(one.right for one in verdicts), len(verdicts)), "98 %"),
        ("... with keys in order", _share(sum(one.right_in_order for one in verdicts), len(verdicts)), ""),
        ("refuse a valid instance", _share(sum(one.refused_valid > 0 for one in judged), len(verdicts)), ""),
        ("let an invalid one through", str(sum(one.let_through > 0 for one in judged)), "0"),
        ("left to the check", _share(sum(bool(one.checked) for one in judged), len(verdicts)), ""),
        ("valid instances refused", str(sum(one.refused_valid for one in judged)), ""),
        ("invalid instances let through", str(sum(one.let_through for one in judged)), "0"),
        ("invalid refused by the grammar alone", _share(sum(one.by_grammar for one in judged), invalid), "95 %"),
        ("compile (processor time), median", f"{1e3 * at(seconds, 0.5):.1f} ms", "5 ms"),
        ("compile, 99 %", f"{1e3 * at(seconds, 0.99):.0f} ms", "500 ms"),
        ("compile, longest", f"{1e3 * seconds[-1]:.0f} ms", ""),
        ("rules, median and most", f"{at(rules, 0.5):.0f}, {rules[-1]:.0f}", ""),
        ("crashes", str(failed["crashed"]), "0"),
        ("grammars that llguidance cannot read", str(failed["unread"]), "0"),
    ]
    return _HEAD + "".join(f"| {name} | {value} | {aim} |\n" for name, value, aim in rows)


def faults(verdicts: Sequence[Verdict]) -> str:
    """Schema by schema what is wrong, the slowest compilations, and the words left to the check."""
    lines = []
    for verdict in verdicts:
        if verdict.failure:
            lines.append(f"{verdict.name}: {verdict.failure}")
        lines += [f"{verdict.name}: {fault}" for fault in verdict.faults]
    slowest = sorted(verdicts, key=lambda verdict: verdict.seconds, reverse=True)[:10]
    lines += ["", "slowest:", *(f"  {one.name}: {1e3 * one.seconds:.0f} ms, {one.rules} rules" for one in slowest)]
    words = Counter(word for verdict in verdicts for word in verdict.checked)
    lines += ["", "left to the check:", *(f"  {word}: {count} schemas" for word, count in words.most_common())]
    passed = [one for one in verdicts if not one.failure and one.by_grammar < one.invalid]
    lines += ["", "invalid instances that the grammar takes and the check has to refuse:"]
    for one in passed:
        lines.append(f"  {one.name}: {one.invalid - one.by_grammar} of {one.invalid}; {', '.join(one.checked)}")
    return "\n".join(lines) + "\n"


def at(ordered: Sequence[float], share: float) -> float:
    """The value below which this share of the ordered ones lies."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _share(count: int, of: int) -> str:
    return f"{count} ({100 * count / of:.1f} %)" if of else "0"
