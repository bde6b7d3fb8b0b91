"""The command line. Commands parse, call and print; imports of heavy parts wait until then."""

from shapesim.cli.app import main

__all__ = ["main"]
