"""``rules``."""

from __future__ import annotations

import json
from textwrap import wrap

from krr_export.cli.command import command
from krr_export.cli.console import Console
from krr_export.cli.parameters import GENERAL, option
from krr_export.rules.catalogue import RULES, Rule

_WIDTH = 100


@command("rules", "krr-export rules --json | jq -r '.[] | [.severity, .code] | @tsv'")
@option(
    "--json",
    "as_json",
    is_flag=True,
    heading=GENERAL,
    help="One line of JSON on standard output: a list, an object a rule.",
)
def rules_command(*, as_json: bool, quiet: bool, verbose: bool) -> int:
    """Show the register's own rules beyond the XSD.

    Each with its code, its severity, what it means, what to do, the grounds for it and the columns that it reads. What
    breaks a rule is counted and shown in the report; --strict CODE of convert and validate refuses the record, or, of
    identifier-duplicate, the whole export.
    """
    console = Console(quiet=quiet, verbose=verbose)
    console.write(json.dumps([rule.to_dict() for rule in RULES]) if as_json else "\n".join(map(_format_rule, RULES)))
    warnings = sum(rule.code.severity == "warning" for rule in RULES)
    return console.finish(f"{len(RULES)} rules: {warnings} warnings, {len(RULES) - warnings} infos", 0, {})


def _format_rule(rule: Rule) -> str:
    rows = {
        "to do": rule.code.fix,
        "source": rule.source,
        "reads": ", ".join(rule.columns),
    }
    if rule.refuses == "export":
        rows["strict"] = "refuses the whole export: which of the records is wrong is not known"
    lines = [f"{rule.code.severity:9} {rule.name}", *wrap(rule.code.text, _WIDTH, initial_indent=" " * 10)]
    for name, text in rows.items():
        lines += wrap(f"{name + ':':8}{text}", _WIDTH, initial_indent=" " * 10, subsequent_indent=" " * 18)
    return "\n".join(lines)
