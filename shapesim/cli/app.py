"""The application: its commands, and how an error becomes a message and an exit code."""

from __future__ import annotations

import io
import logging
import os
import signal
import sys
import warnings
from types import FrameType

import typer

from shapesim.cli.arrivals import arrivals
from shapesim.cli.complete import complete
from shapesim.cli.console import Command, escape, stderr
from shapesim.cli.duplicates import duplicates
from shapesim.cli.embed import embed
from shapesim.cli.forget import forget
from shapesim.cli.index import index
from shapesim.cli.map import make_map
from shapesim.cli.objects import objects
from shapesim.cli.render import render
from shapesim.cli.search import search
from shapesim.cli.swap import swap
from shapesim.cli.tags import tag, tags
from shapesim.cli.trace import trace
from shapesim.cli.voxelize import voxelize
from shapesim.cli.watch import watch
from shapesim.errors import ShapesimError

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (
    index,
    forget,
    swap,
    arrivals,
    watch,
    duplicates,
    search,
    objects,
    trace,
    tag,
    render,
    complete,
    embed,
    voxelize,
):
    app.command(cls=Command)(command)
app.command("map", cls=Command)(make_map)
app.add_typer(tags, name="tags")


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"shapesim {version('shapesim')}")
        raise typer.Exit


@app.callback()
def shapesim(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version."
    ),
) -> None:
    """Finds replacements for 3D assets by shape and look.

    Start with [bold]shapesim index STORE[/bold], then [bold]shapesim swap ASSET[/bold].
    """


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Ctrl-C. While trimesh loads, it takes whatever is raised for a library that is missing."""
    loading = getattr(sys.modules.get("trimesh"), "__spec__", None)
    if getattr(loading, "_initializing", False):
        os._exit(128 + number)
    signal.default_int_handler(number, frame)


def main() -> None:
    """Entry point of the ``shapesim`` script: exit 0 done, 1 nothing done, 2 wrong usage."""
    # Threads of torch that wait for work by spinning would take the cores from the file readers,
    # and so would a pool of threads in every reader; these are read when the libraries load.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else nobody asks
        signal.signal(signal.SIGINT, _interrupt)
    # Format libraries log their own view of a damaged file; ours is the one line that counts.
    logging.disable(logging.CRITICAL)
    warnings.formatwarning = lambda message, *_, **__: f"warning: {message}\n"
    if isinstance(sys.stdout, io.TextIOWrapper):  # a console that lacks a sign shows another
        sys.stdout.reconfigure(errors="replace")
    try:
        app()
    except (ShapesimError, OSError, UnicodeError) as error:
        text = str(error)
        if isinstance(error, OSError) and error.filename and error.strerror:
            text = f"{error.filename}: {error.strerror}"
        stderr.print(f"[red]error:[/red] {escape(text)}", soft_wrap=True)
        sys.exit(1)
