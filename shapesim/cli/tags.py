"""``shapesim tags`` and ``shapesim tag``."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.table import Table

from shapesim.cli.console import (
    PICTURES,
    Command,
    GalleryOption,
    JsonOption,
    UpOption,
    check_writable,
    counted,
    escape,
    expanded,
    gallery_folder,
    progress_bar,
    report_failures,
    report_lines,
    stderr,
    stdout,
)
from shapesim.errors import ShapesimError, TaggerError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from rich.progress import Progress

    from shapesim.tagging.learning import Learnt
    from shapesim.tagging.taggers import Tagger

_SHOWN = 5  # tags of a file

tags = typer.Typer(help="Train a tagger, and tag the whole gallery.", no_args_is_help=True)

TaggerOption = Annotated[
    Path | None,
    typer.Option(
        "--tagger",
        metavar="FILE",
        help="From 'shapesim tags train'. Default: the one for game assets that ships.",
        show_default=False,
    ),
]


@tags.command(cls=Command)
def train(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder for each label.")],
    out: Annotated[Path, typer.Option(metavar="TAGGER", help="The file to write.")],
    labels: Annotated[
        Path | None,
        typer.Option(
            metavar="CSV",
            help="Columns path and label instead of folders; several labels of a file on several"
            " rows or with semicolons between them.",
            show_default=False,
        ),
    ] = None,
    folds: Annotated[
        int, typer.Option(min=2, help="Folds of the cross-validation that is told.")
    ] = 10,
    finetune: Annotated[
        bool,
        typer.Option(
            "--finetune",
            help="Also train the network, not only a head on it: takes minutes a fold. Kept if it"
            " then tags better.",
        ),
    ] = False,
    confusion: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The confusion matrix as a picture. Default: beside the tagger.",
            show_default=False,
        ),
    ] = None,
    up: UpOption = None,
    as_json: JsonOption = False,
) -> None:
    """Learn labels from pictures or meshes, and tell how well they are learnt.

    Examples:
      shapesim tags train photos/ --out mine.tagger

      shapesim tags train store/ --labels labels.csv --out mine.tagger

      shapesim tags train photos/ --finetune --folds 5 --out mine.tagger
    """
    from shapesim.showing import confusion_picture, write_picture
    from shapesim.tagging import featuring, finetuning, learning, taggers

    picture = confusion or out.with_name(f"{out.name}.confusion.png")
    _check_written(out, picture)
    if not folder.is_dir():
        raise ShapesimError(
            f"{folder}: no such folder; name one that holds a folder for each label"
        )
    found = taggers.read_examples(labels, folder) if labels else taggers.find_examples(folder)
    report_lines(found.warnings, "yellow", "warning")
    taggers.learnable(found.examples)  # asked before long work
    with finetuning.Shown() if finetune else nullcontext() as shown:
        with progress_bar("embedding") as bar:
            paths = [example.path for example in found.examples]
            seen = featuring.see(paths, up, _shown(bar), shown=shown)
        report_failures(seen.failures)
        report_lines(seen.warnings, "yellow", "warning")
        learning.check_readable(seen.failures, found.examples)
        read = set(seen.paths)
        examples, single = taggers.learnable([one for one in found.examples if one.path in read])
        if single:
            note = f"a single file of {', '.join(single)}; left out"
            report_lines([note], "yellow", "warning")
        if shown:
            with progress_bar("fine-tuning") as bar:
                learnt = learning.learn(examples, seen, folds, shown, _shown(bar))
        else:
            with stderr.status("cross-validating"):
                learnt = learning.learn(examples, seen, folds)
    if learnt.accuracies:
        tuned, alone = learnt.accuracies
        note = f"accuracy {tuned:.1%} with the network, {alone:.1%} without"
        kept = "" if learnt.tagger.trunk else ": the network stays as it is"
        report_lines([note + kept], "cyan", "fine-tuned")
    report_lines(learnt.doubts, "yellow", "warning")
    learnt.tagger.save(out)
    write_picture(confusion_picture(learnt.scores.confusion, learnt.tagger.labels), picture)
    if as_json:
        print(json.dumps(_to_json(learnt, out, picture)))
    else:
        _print(learnt, out, picture)


def _check_written(out: Path, picture: Path) -> None:
    """Whether a tagger and its picture can be written there."""
    from shapesim.meshes import MESH_SUFFIXES
    from shapesim.pictures.images import PICTURE_SUFFIXES
    from shapesim.tagging.taggers import Tagger

    check_writable(out)
    if out.suffix.lower() in MESH_SUFFIXES | PICTURE_SUFFIXES:
        raise ShapesimError(f"{out}: is the name of a mesh or a picture; name a .tagger file")
    if out.exists():
        try:
            Tagger.load(out)
        except TaggerError as error:
            reason = "is no tagger; name a new file, or delete that one"
            raise ShapesimError(f"{out}: {reason}") from error
    check_writable(picture, PICTURES)


def _shown(bar: Progress) -> Callable[[int, int], None]:
    return lambda done, total: bar.update(bar.task_ids[0], completed=done, total=total)


def _to_json(learnt: Learnt, out: Path, picture: Path) -> dict[str, object]:
    scores = learnt.scores
    return {
        "tagger": str(out),
        "files": learnt.files,
        "folds": learnt.folds,
        "accuracy": round(scores.accuracy, 4),
        "macro_f1": round(scores.macro_f1, 4),
        "calibration_error": round(scores.error, 4),
        "labels": [
            {"label": label, "files": count}
            | {"precision": round(p, 4), "recall": round(r, 4), "f1": round(f, 4)}
            for label, count, p, r, f in scores.per_label
        ],
        "confusion": str(picture),
    }


def _print(learnt: Learnt, out: Path, picture: Path) -> None:
    scores = learnt.scores
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("label")
    for name in ("files", "precision", "recall", "F1"):
        table.add_column(name, justify="right")
    for label, count, precision, recall, f1 in scores.per_label:
        table.add_row(escape(label), str(count), f"{precision:.3f}", f"{recall:.3f}", f"{f1:.3f}")
    stdout.print(table)
    of = "accuracy" if learnt.tagger.exclusive else "likeliest label right"
    stdout.print(
        f"[bold]{of} {scores.accuracy:.1%}[/bold] in {learnt.folds}-fold cross-validation over"
        f" {learnt.files} files  (macro F1 {scores.macro_f1:.3f},"
        f" calibration error {scores.error:.3f})",
        highlight=False,
    )
    stdout.print(
        f"tagger: {escape(str(out))}   confusion matrix: {escape(str(picture))}", soft_wrap=True
    )


def tag(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE", help="Pictures or meshes, or folders of them.")
    ],
    tagger: TaggerOption = None,
    k: Annotated[
        int | None,
        typer.Option("-k", min=1, help="Tags of each file; without, 5 are shown, JSON has all."),
    ] = None,
    up: UpOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell what pictures and meshes show.

    Examples:
      shapesim tag screenshot.png chair.fbx

      shapesim tag photos/*.jpg --tagger mine.tagger --json
    """
    from shapesim.reading import is_picture
    from shapesim.tagging import featuring

    loaded = _load(tagger)
    paths = expanded(files, "meshes or pictures")
    rows: dict[Path, NDArray[np.float32]] = {}
    known: dict[Path, bool] = {}
    # Of meshes more is known, unless pictures are among them.
    for kind in (True, False):
        if alike := [path for path in paths if is_picture(path) is kind]:
            with progress_bar("tagging") as bar:
                seen = featuring.see(alike, up, _shown(bar), loaded.trunk)
            report_failures(seen.failures)
            report_lines(seen.warnings, "yellow", "warning")
            if seen.paths:
                rows |= zip(seen.paths, loaded.probabilities(seen.features), strict=True)
                known |= zip(seen.paths, loaded.knows(seen.features).tolist(), strict=True)
    if not rows:
        stderr.print("none of the files could be tagged")
        raise typer.Exit(1)
    for path in [path for path in paths if path in rows]:
        row = rows[path]
        best = sorted(zip(row.tolist(), loaded.labels, strict=True), reverse=True)
        if as_json:
            given = [{"label": label, "probability": round(p, 4)} for p, label in best[:k]]
            unlike = {} if known[path] else {"known": False}
            print(json.dumps({"path": str(path), "tags": given} | unlike))
        else:
            line = "  ".join(
                f"[bold]{escape(label)}[/bold] {p:.0%}" for p, label in best[: k or _SHOWN]
            )
            line += "" if known[path] else "  [dim](but it is like nothing that was taught)[/dim]"
            stdout.print(f"{escape(str(path))}  {line}", highlight=False, soft_wrap=True)


def _load(tagger: Path | None) -> Tagger:
    from shapesim.tagging import featuring
    from shapesim.tagging.taggers import DEFAULT, Tagger

    loaded = Tagger.load(tagger or DEFAULT)
    featuring.check_fits(loaded)
    return loaded


@tags.command(cls=Command)
def apply(
    tagger: TaggerOption = None,
    least: Annotated[
        float, typer.Option(min=0, max=1, help="Lowest probability for which an asset gets a tag.")
    ] = 0.3,
    gallery: GalleryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tag all assets of the gallery, so that swap and search can be asked for a tag.

    What comes later is tagged alike when it is indexed.

    Examples:
      shapesim tags apply

      shapesim tags apply --tagger mine.tagger --least 0.5
    """
    from shapesim.gallery import Gallery
    from shapesim.tagging.labelling import tag_all

    loaded = _load(tagger)
    with Gallery(gallery_folder(gallery)) as opened, progress_bar("tagging") as bar:
        opened.check_holds_assets()
        given, failures = tag_all(opened, loaded, tagger, least, _shown(bar))
        assets = opened.assets
    report_failures(failures)
    if given is None:
        stderr.print("none of the gallery's assets could be read; their tags stay")
        raise typer.Exit(1)
    counts = Counter(label for _, label, _ in given)
    tagged = len({id for id, _, _ in given})
    if as_json:
        print(json.dumps({"assets": len(assets), "tagged": tagged, "tags": dict(counts)}))
        return
    stdout.print(f"[bold]{tagged} of {counted(len(assets), 'asset')} tagged[/bold]")
    if loaded.novelty and tagged < len(assets):
        stderr.print("what is like nothing that the tagger was taught has no tag")
    if tagger and not loaded.novelty:
        stderr.print(
            "it cannot tell what is like nothing that it was taught, as taggers of meshes can that"
            " were not fine-tuned; see --least"
        )
    shown = "  ".join(f"{escape(label)} {count}" for label, count in counts.most_common(20))
    stdout.print(shown, highlight=False)
