"""`specaudit simulate`: which modes a policy of weights learns, and when."""

from __future__ import annotations

from typing import Annotated

import typer

from specaudit import config
from specaudit.cli import options, output, rendering, terminal
from specaudit.cli import policy as policies
from specaudit.cli.compare import command_line


def simulate(
    context: typer.Context,
    fit: Annotated[str | None, typer.Argument(metavar="[FIT]", help="A saved fit or baseline (.json).")] = None,
    b: Annotated[
        float | None, typer.Option("--b", metavar="B", help="An exact power law k^-B in place of FIT.")
    ] = None,
    spectrum: Annotated[
        str | None, typer.Option(metavar="KERNEL", help="Which spectrum of FIT; by default the primary.")
    ] = None,
    policy: Annotated[
        str, typer.Option(metavar="|".join(config.POLICIES), help="How modes are weighted.")
    ] = "oracle",
    energy: Annotated[
        float, typer.Option("--source", metavar="A", help="Coefficients have the energy k^-A at the start.")
    ] = 1.5,
    suppress: Annotated[
        str,
        typer.Option(
            metavar="|".join(config.SUPPRESSIONS),
            help="How far the oracle learns a mode before it leaves it: ever deeper, or once to 1/e.",
        ),
    ] = "deep",
    rho: Annotated[float, typer.Option(metavar="RHO", help="The learning rate is RHO t^(RHO-1).")] = 1.0,
    momentum: Annotated[str | None, typer.Option(metavar="|".join(config.MOMENTA), help="In place of --rho.")] = None,
    lag: Annotated[float, typer.Option(metavar="L", help="The oracle sees k*/L.")] = 1.0,
    lag_power: Annotated[float, typer.Option(metavar="G", help="The oracle sees k*^G.")] = 1.0,
    over: Annotated[float, typer.Option(metavar="F", help="The oracle sees F k*: too much.")] = 1.0,
    noise: Annotated[
        float, typer.Option(metavar="S", help="The oracle sees k* e^(S xi), xi normal, new at each look.")
    ] = 0.0,
    delay: Annotated[float, typer.Option(metavar="D", help="The oracle sees k* of D ago.")] = 0.0,
    refresh: Annotated[
        str | None,
        typer.Option(metavar="every:D|geo:R", help="The oracle looks every D, or when t has grown R-fold."),
    ] = None,
    cap: Annotated[
        float | None, typer.Option("--cap", metavar="C", help="Largest weight of oracle, whiten and harmonic.")
    ] = None,
    floor: Annotated[float, typer.Option(metavar="W", help="Least weight of modes that the oracle leaves.")] = 0.0,
    low: Annotated[float, typer.Option(metavar="W", help="Least weight of the policy bounded.")] = 0.2,
    high: Annotated[float, typer.Option(metavar="W", help="Largest weight of the policy bounded.")] = 10.0,
    pattern: Annotated[
        str, typer.Option(metavar="ramp|random", help="Shape of bounded weights over modes.")
    ] = "ramp",
    modes: Annotated[
        float | None,
        typer.Option(metavar="K", help="Modes that are followed: 1e8, or 1e4 of whiten and harmonic, their horizon."),
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="Of the noise and of random weights.")] = 0,
    gate: Annotated[
        bool, typer.Option("--gate", help="Exit 1 unless accelerated, 3 if that cannot be told.")
    ] = False,
    outputs: Annotated[list[str] | None, options.output_option(output.suffixes("simulate"))] = None,
    format_: Annotated[str, options.format_option(output.stdout_formats("simulate"))] = "text",
    report: options.Reports = None,
    plot: options.Plots = None,
    config_file: options.ConfigFile = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Simulate which modes of a spectrum a policy of weights learns, and when.

    Beside static weights and an ideal oracle: slopes, what theory predicts, what is gained.

    Exits 0 whatever is found, unless --gate says otherwise; 2 when it could not run.
    """
    output.check_stdout(format_, "simulate")
    files = output.requested("simulate", documents=outputs, reports=report, plots=plot)
    output.check_outputs(files, options.given(fit, config_file))

    from specaudit import api

    result = api.simulate(
        fit,
        b=b,
        spectrum=spectrum,
        policy=policy,
        source=energy,
        suppress=suppress,
        rho=rho,
        momentum=momentum,
        lag=lag,
        lag_power=lag_power,
        over=over,
        noise=noise,
        delay=delay,
        refresh=refresh,
        cap=cap,
        floor=floor,
        low=low,
        high=high,
        pattern=pattern,
        modes=modes,
        seed=options.checked("seed", seed),
        command=command_line(context),
        progress=terminal.progress(quiet=quiet, verbose=verbose),
    )
    rendering.write((result, file) for file in files)
    rendering.show(result, format_, quiet=quiet)
    if gate:
        policies.exit_with(result, exit_zero=False, told=format_ == "text")
