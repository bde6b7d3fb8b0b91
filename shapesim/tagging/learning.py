"""What is learnt from examples, and how well."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from shapesim.errors import AssetError, ShapesimError
from shapesim.tagging.featuring import Seen, fingerprints
from shapesim.tagging.finetuning import Shown, fit_finetuned
from shapesim.tagging.novelty import NoveltyDetector
from shapesim.tagging.taggers import (
    Example,
    Examples,
    Scores,
    Tagger,
    cross_validate,
    doubtful_labels,
    fit,
    score,
    targets,
)


@dataclass(frozen=True, slots=True)
class Learnt:
    """A tagger, and how well its like tag what they have not seen.

    Attributes:
        tagger: learnt from all examples.
        scores: of taggers that each learnt from all but one of the parts.
        files: how many examples there were.
        folds: how many parts.
        doubts: what is odd about the labels, a line each.
        accuracies: with a network of its own, and without; None where none was trained.
    """

    tagger: Tagger
    scores: Scores
    files: int
    folds: int
    doubts: list[str]
    accuracies: tuple[float, float] | None = None


def learn(
    examples: Sequence[Example],
    seen: Seen,
    folds: int = 10,
    shown: Shown | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Learnt:
    """Learns the labels of examples.

    Args:
        examples: of which two or more have each of the labels (see ``learnable``).
        seen: these files, and maybe others.
        folds: parts, at most, of which each is tagged by a tagger of the others.
        shown: what the network was shown of the files, to train it, too; what comes out is kept if
            it tags better.
        progress: called with the trainings of the network that are done, and their total.

    Raises:
        ShapesimError: all are copies of one thing.
    """
    of = {example.path: example for example in examples}
    seen = seen.of(set(of))
    examples = [of[path] for path in seen.paths]
    folds = min(folds, len(set(seen.groups.tolist())))  # one thing is in one of them
    labels = Examples(list(examples)).labels
    truth = targets(examples, labels)
    scores = score(cross_validate(seen.features, truth, seen.groups, folds), truth, labels)
    accuracies = None
    if shown:
        tuned, given = fit_finetuned(shown, seen.paths, truth, labels, seen.groups, folds, progress)
        with_own = score(given, truth, labels)
        accuracies = with_own.accuracy, scores.accuracy
    if shown and (with_own.accuracy, with_own.macro_f1) > (scores.accuracy, scores.macro_f1):
        tagger, scores = tuned, with_own
    else:
        tagger = fit(seen.features, truth, labels, fingerprints())
        if both := seen.features.both:
            tagger = replace(tagger, novelty=NoveltyDetector.of(both, seen.groups))
    tagger.info.update(files=len(examples), folds=folds, accuracy=round(scores.accuracy, 4))
    doubts = doubtful_labels(examples, seen.groups)
    return Learnt(tagger, scores, len(examples), folds, doubts, accuracies)


def check_readable(failures: Sequence[AssetError], examples: Sequence[Example]) -> None:
    """Whether there is anything to learn from.

    Raises:
        ShapesimError: no file could be read.
    """
    if len(failures) == len(examples):
        raise ShapesimError(
            f"none of {len(examples)} files could be read; the first: {failures[0]}"
        )
