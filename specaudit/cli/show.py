"""`specaudit show`: saved documents, checked, rendered, and judged again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from specaudit.cli import options, output, policy, rendering, terminal
from specaudit.errors import ConfigError
from specaudit.report.formats import SUBJECTS

if TYPE_CHECKING:
    from specaudit.documents import Comparison, Saved


def show(
    context: typer.Context,
    documents: Annotated[
        list[str], typer.Argument(metavar="DOC...", help="Saved fits, baselines or comparisons (.json).")
    ],
    gate: Annotated[
        bool, typer.Option("--gate", help="Judge by today's margins and waivers, and exit by the verdict.")
    ] = False,
    margin: options.Margin = None,
    max_drop: options.MaxDrop = None,
    min_rows: options.MinRows = None,
    enable: options.Enable = None,
    waive: options.Waive = None,
    on_inconclusive: options.OnInconclusive = "fail",
    exit_zero: options.ExitZero = False,
    outputs: Annotated[list[str] | None, options.output_option(output.suffixes("compare"))] = None,
    format_: Annotated[str, options.format_option(output.stdout_formats("compare"))] = "text",
    report: options.Reports = None,
    plot: options.Plots = None,
    config_file: options.ConfigFile = None,
    quiet: options.Quiet = False,
) -> None:
    """Check saved documents and render them again.

    Exits 2 if one is no valid document, else 0; under --gate by the verdict, as compare does.
    """
    _check_flags(context)

    from specaudit.documents import read_document

    found = {name: read_document(name) for name in documents}
    judged = {name: _judged(name, document, context) for name, document in found.items()} if gate else {}
    for number, (name, document) in enumerate({**found, **judged}.items()):
        subject = SUBJECTS[document.schema_]
        output.check_stdout(format_, subject)
        files = output.requested(subject, documents=outputs, reports=report, plots=plot)
        output.check_outputs(files, [*documents, *options.given(config_file)])
        rendering.write((document, file) for file in files)
        if len(found) > 1:
            terminal.emit(f"{name}: " if quiet else "\n" * (number > 0) + f"{name}\n\n")
        about = rendering.remarked_file(options.settings(context).file, name)
        rendering.show(document, format_, quiet=quiet, about=about)
    for comparison in judged.values():
        rendering.append_summary(comparison)
    policy.exit_by(list(judged.values()), exit_zero=exit_zero, told=format_ == "text")


def _check_flags(context: typer.Context) -> None:
    """Refuse flags of a policy without --gate, and flags for one document with several."""
    values = context.params
    if not values["gate"]:
        idle = [name for name in policy.FLAGS if options.on_command_line(context, name)]
        if idle:
            raise ConfigError(f"--{idle[0].replace('_', '-')} has no effect without --gate", next_step="add --gate")
    alone = [name for name in ("outputs", "report", "plot") if values[name]] + ["format"] * (
        values["format_"] != "text"
    )
    if len(values["documents"]) > 1 and alone:
        flag = "-o" if alone[0] == "outputs" else f"--{alone[0]}"
        raise ConfigError(f"{flag} takes one document", next_step="run show once for each")


def _judged(name: str, document: Saved, context: typer.Context) -> Comparison:
    from specaudit.gates import judge

    if document.schema_ != "specaudit.compare/1":
        raise ConfigError(f"--gate: {name} is no comparison and has no gates", next_step="name a comparison")
    return judge(document, policy.read_policy(context))
