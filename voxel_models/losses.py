"""What a network is trained for, each term on two views of every asset in a batch.

- class: what is labelled lies near a centre for each class (Zhai and Wu, "Classification is a
  Strong Baseline for Deep Metric Learning", BMVC 2019);
- view: every asset finds its own other view among all views (Chen et al., "A Simple Framework for
  Contrastive Learning of Visual Representations", ICML 2020), where views of the same class do not
  count as wrong;
- turn: both views of an asset embed alike;
- teacher: a linear map of the embedding predicts a teacher's vector of the asset, and neighbours
  in the batch are the teacher's neighbours (Park et al., "Relational Knowledge Distillation",
  CVPR 2019).

An embedding may keep a part for kinds: the class term shapes this alone, view, teacher and
neighbours the other, turn both. What gathers the kinds that it knows tells all others apart less,
and so need not harm them.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from voxel_models.data import UNLABELLED

TERMS = {"class": 3.0, "view": 0.5, "turn": 2.0, "teacher": 4.0, "neighbours": 1.0}
"""Names of the terms and their weights."""

CLASS_TEMPERATURE = 0.15
"""So high that the softmax is never as sure as wanted: assets of a class go on gathering."""
_TEMPERATURE = 0.1


def parts(embeddings: Tensor, kinds: int) -> tuple[Tensor, Tensor]:
    """What tells assets apart, and what tells kinds apart, of embeddings.

    Args:
        embeddings: (..., D).
        kinds: K, how many numbers at the end are for kinds; if all are, they are for both.

    Returns:
        (..., D - K) or (..., D), and (..., K), unit rows.
    """
    for_all = embeddings[..., :-kinds] if kinds < embeddings.shape[-1] else embeddings
    return F.normalize(for_all, dim=-1), F.normalize(embeddings[..., -kinds:], dim=-1)


def kinds_in(dim: int, centres: Tensor) -> int:
    """How many numbers of an embedding are for kinds: all for both, where no kind is known.

    Args:
        dim: D.
        centres: (C, K) one for each class.
    """
    return centres.shape[1] if len(centres) else dim


def losses(
    embeddings: Tensor,
    labels: Tensor,
    centres: Tensor,
    teacher: Tensor | None,
    head: nn.Module,
    temperature: float = CLASS_TEMPERATURE,
) -> Tensor:
    """The terms, not weighted.

    Args:
        embeddings: (2 B, D) unit rows, first one view of each asset, then another.
        labels: (B,) classes, or ``UNLABELLED``.
        centres: (C, K) one for each class; for K see ``parts``.
        teacher: (B, T) unit rows of the teacher, zeros where it has none.
        head: from the numbers that are not for kinds alone to T.
        temperature: of the softmax over classes.

    Returns:
        (5,) in the order of ``TERMS``.
    """
    for_all, for_kinds = parts(embeddings, kinds_in(embeddings.shape[1], centres))
    zero = embeddings.new_zeros(())
    known = labels != UNLABELLED
    by_class = zero
    first, second = for_all.chunk(2)
    by_turn = _apart(first, second)
    if known.any():
        one, other = for_kinds.chunk(2)
        logits = torch.cat([one[known], other[known]]) @ F.normalize(centres, dim=1).T
        wanted = labels[known].repeat(2)
        by_class = F.cross_entropy(logits / temperature, wanted, label_smoothing=0.05)
        by_turn = (by_turn + _apart(one, other)) / 2

    similar = first @ second.T / _TEMPERATURE
    same_class = (labels[:, None] == labels) & known[:, None]
    same_class.fill_diagonal_(False)
    similar = similar.masked_fill(same_class, -torch.inf)
    own = torch.arange(len(labels), device=labels.device)
    by_view = (F.cross_entropy(similar, own) + F.cross_entropy(similar.T, own)) / 2

    by_teacher = by_neighbours = zero
    taught = zero > 0 if teacher is None else teacher.any(dim=1)
    if teacher is not None and taught.sum() > 1:
        teacher = teacher[taught]
        first, second = first[taught], second[taught]
        predicted = F.normalize(head(torch.cat([first, second])), dim=1)
        by_teacher = _apart(predicted, teacher.repeat(2, 1))
        near = _neighbours(teacher).exp()
        for view in (first, second):
            by_neighbours = by_neighbours + F.kl_div(
                _neighbours(view), near, reduction="batchmean"
            ) / 2  # fmt: skip
    return torch.stack([by_class, by_view, by_turn, by_teacher, by_neighbours])


def _apart(rows: Tensor, others: Tensor) -> Tensor:
    """() mean cosine distance of (B, D) unit rows to their like."""
    return (1 - (rows * others).sum(dim=1)).mean()


def _neighbours(vectors: Tensor) -> Tensor:
    """(B, B) log share of each other row in what is near to a row; none for itself."""
    itself = torch.eye(len(vectors), dtype=torch.bool, device=vectors.device)
    similar = (vectors @ vectors.T / _TEMPERATURE).masked_fill(itself, -1e3)
    return similar.log_softmax(dim=1)
