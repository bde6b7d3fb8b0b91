"""Traces manipulated pictures back: how often right, how sure, how fast.

    python -m benchmarks.tracing STORE PICTURES [--views 10] [--queries 600] [--enlarged 1000000]

The gallery holds the pictures and views rendered of every asset. Half of the queries are of
pictures that it does not hold. They are manipulated by AugLy (Z. Papakipos and J. Bitton, 2022),
once and three times in a row. Beside ours: a perceptual hash, plain ImageNet features, and an
autoencoder, as sure as its nearest original is near, or as its reconstruction is good. At last, the
gallery is enlarged by synthetic originals, mixtures of real ones, and asked again.
"""

from __future__ import annotations

import argparse
import random
import resource
import sqlite3
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from benchmarks.autoencoder import SIDE, Autoencoder
from benchmarks.reporting import print_table
from shapesim.embedders import CopyEmbedder, LookEmbedder, lite0
from shapesim.embedders.base import normalised
from shapesim.gallery import Gallery
from shapesim.indexing import index_stores
from shapesim.meshes import find_assets, load_mesh
from shapesim.meshes.finding import find_pictures
from shapesim.pictures.images import framed, load_image
from shapesim.rendering.views import on_background, render, ring
from shapesim.tracing import Tracer
from shapesim.workers import map_isolated

Picture = Image.Image
_HELD_BACK = 8  # every so manieth asset or picture is not in the gallery


@dataclass(frozen=True, slots=True)
class Task:
    """An asset to render, and where its views go."""

    path: Path
    views: int
    folder: Path
    number: int


def write_views(task: Task) -> None:
    """Runs in a worker."""
    low = task.views - task.views // 2
    cameras = ring(low, 20) + ring(task.views - low, 50)
    for number, view in enumerate(on_background(render(load_mesh(task.path), cameras, 256))):
        Image.fromarray(view).save(task.folder / f"{task.number:05}-{number}.png", compress_level=1)


def manipulations(
    rng: np.random.Generator, grounds: Sequence[Path]
) -> dict[str, Callable[[Picture], Picture]]:
    """Strong ones, by AugLy where it has them."""
    random.seed(0)  # AugLy draws what it writes over pictures when it is loaded
    from augly import image

    augly: Any = image  # which has no types of its own

    def crop(picture: Picture) -> Picture:
        area, ratio = rng.uniform(0.3, 0.6), np.exp(rng.uniform(-0.3, 0.3))
        width, height = min(1.0, np.sqrt(area * ratio)), min(1.0, np.sqrt(area / ratio))
        x, y = rng.uniform(0, 1 - width), rng.uniform(0, 1 - height)
        cut: Picture = augly.crop(picture, x1=x, y1=y, x2=x + width, y2=y + height)
        return cut

    def zoom(picture: Picture) -> Picture:
        kept = float(rng.uniform(0.55, 0.8))
        edge = (1 - kept) / 2
        part = augly.crop(picture, x1=edge, y1=edge, x2=1 - edge, y2=1 - edge)
        enlarged: Picture = part.resize(picture.size)
        return enlarged

    def overlay(picture: Picture) -> Picture:
        ground = ImageOps.fit(_opened(grounds[int(rng.integers(len(grounds)))]), picture.size)
        size = float(np.sqrt(rng.uniform(0.25, 0.5)))
        x, y = rng.uniform(0, 1 - size, 2)
        pasted: Picture = augly.overlay_image(
            ground, picture, opacity=1.0, overlay_size=size, x_pos=float(x), y_pos=float(y)
        )
        return pasted

    def text_and_stickers(picture: Picture) -> Picture:
        picture = augly.overlay_text(
            picture, font_size=float(rng.uniform(0.1, 0.2)), x_pos=float(rng.uniform(0, 0.4)),
            y_pos=float(rng.uniform(0, 0.8)), color=tuple(rng.integers(0, 256, 3).tolist()),
        )  # fmt: skip
        stuck: Picture = augly.overlay_emoji(
            picture, emoji_size=float(rng.uniform(0.2, 0.4)), x_pos=float(rng.uniform(0, 0.7)),
            y_pos=float(rng.uniform(0, 0.7)),
        )  # fmt: skip
        return stuck

    def turn(picture: Picture) -> Picture:
        return picture.rotate(
            float(rng.uniform(-30, 30)), Image.Resampling.BICUBIC, expand=True, fillcolor="white"
        )

    def recolour(picture: Picture) -> Picture:
        brightness, contrast, saturation = rng.uniform(0.5, 1.6, 3).tolist()
        changed = augly.color_jitter(
            picture, brightness_factor=brightness, contrast_factor=contrast,
            saturation_factor=saturation,
        )  # fmt: skip
        grey: Picture = augly.grayscale(changed) if rng.random() < 0.3 else changed
        return grey

    return {
        "crop": crop,
        "zoom": zoom,
        "on another picture": overlay,
        "text and stickers": text_and_stickers,
        "turn": turn,
        "flip": augly.hflip,
        "colour": recolour,
        "blur": lambda picture: augly.blur(picture, radius=float(rng.uniform(1, 3))),
        "JPEG 20": lambda picture: augly.encoding_quality(picture, quality=20),
        "screenshot": augly.overlay_onto_screenshot,
    }


def _opened(path: Path) -> Picture:
    return Image.fromarray(on_background(load_image(path, 512)))


def _same(one: Path, other: Path) -> bool:
    """Whether files hold the same picture: assets of a store repeat in other packs."""
    first, second = (np.asarray(_opened(path), np.int64) for path in (one, other))
    return first.shape == second.shape and bool(np.abs(first - second).mean() < 0.5)


def difference_hash(picture: Picture) -> NDArray[np.float32]:
    """(256,) signs of brightness steps, of unit length (N. Krawetz, 2013)."""
    small = np.asarray(picture.convert("L").resize((17, 16), Image.Resampling.LANCZOS), np.int64)
    signs = np.where(small[:, 1:] > small[:, :-1], 1 / 16, -1 / 16)
    return signs.ravel().astype(np.float32)


def micro_precision(sure: NDArray[np.float64], right: NDArray[np.bool_], asked: int) -> float:
    """Area under precision over recall of all answers, the surest first."""
    order = np.argsort(-sure, kind="stable")
    hits = right[order]
    precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    return float((precision * hits).sum() / asked)


def recall_at(sure: NDArray[np.float64], right: NDArray[np.bool_], asked: int, p: float) -> float:
    """The highest recall at which precision is still ``p``."""
    hits = right[np.argsort(-sure, kind="stable")]
    precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    good = np.flatnonzero(precision >= p)
    return float(hits[: good[-1] + 1].sum() / asked) if len(good) else 0.0


def calibration_error(sure: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """Expected calibration error over ten bins (M. P. Naeini et al., AAAI 2015)."""
    bins = np.minimum((sure * 10).astype(np.int64), 9)
    gaps = [
        abs(sure[bins == one].mean() - right[bins == one].mean()) * (bins == one).mean()
        for one in np.unique(bins)
    ]
    return float(sum(gaps))


def sharpness(sure: NDArray[np.float64], right: NDArray[np.bool_]) -> tuple[float, float]:
    """Scale and shift of the log odds by which answers would be as often right as they seem.

    J. Platt, "Probabilistic Outputs for Support Vector Machines", 1999.
    """
    from sklearn.linear_model import LogisticRegression

    safe = sure.clip(1e-6, 1 - 1e-6)
    fitted = LogisticRegression().fit(np.log(safe / (1 - safe))[:, None], right)
    return float(fitted.coef_[0, 0]), float(fitted.intercept_[0])


@dataclass(frozen=True, slots=True)
class Peer:
    """What is measured beside ours.

    Attributes:
        name: for the table.
        describe: N pictures to (N, D) unit rows.
        vectors: of the originals.
        sureness: of N pictures, that they were seen before; else the best cosine says so.
    """

    name: str
    describe: Callable[[Sequence[Picture]], NDArray[np.float32]]
    vectors: NDArray[np.float32]
    sureness: Callable[[Sequence[Picture]], NDArray[np.float32]] | None = None

    def answer(self, picture: Picture) -> tuple[int, float]:
        """The nearest original, and how sure that is."""
        scores = self.vectors @ self.describe([picture])[0]
        best = int(np.argmax(scores))
        return best, float(self.sureness([picture])[0] if self.sureness else scores[best])


def make_peers(originals: Sequence[Path], epochs: int) -> list[Peer]:
    """A perceptual hash, ImageNet features, and an autoencoder trained on these very originals."""
    look = LookEmbedder()

    def small(pictures: Sequence[Picture]) -> NDArray[np.uint8]:
        return np.stack([np.asarray(one.resize((SIDE, SIDE))) for one in pictures])

    def hashed(pictures: Sequence[Picture]) -> NDArray[np.float32]:
        return np.stack([difference_hash(picture) for picture in pictures])

    def seen(pictures: Sequence[Picture]) -> NDArray[np.float32]:
        squares = [framed(np.asarray(picture), lite0.SIZE) for picture in pictures]
        return normalised(look.features(np.stack(squares)))

    began = time.perf_counter()
    autoencoder = Autoencoder.trained(
        np.concatenate([small([_opened(path)]) for path in originals]), epochs
    )
    print(f"autoencoder: trained in {time.perf_counter() - began:.0f} s")

    def coded(pictures: Sequence[Picture]) -> NDArray[np.float32]:
        return autoencoder.describe(small(pictures))[0]

    def known(pictures: Sequence[Picture]) -> NDArray[np.float32]:
        return autoencoder.describe(small(pictures))[1]

    batches = [originals[at : at + 64] for at in range(0, len(originals), 64)]
    made = [
        Peer(name, how, np.concatenate([how([_opened(path) for path in b]) for b in batches]))
        for name, how in (("hash", hashed), ("ImageNet", seen), ("autoencoder", coded))
    ]
    return [*made, replace(made[-1], name="its error", sureness=known)]


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("store", type=Path)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--views", type=int, default=10)
    parser.add_argument("--queries", type=int, default=600)
    parser.add_argument("--enlarged", type=int, default=0, help="originals, such as 1000000")
    parser.add_argument("--epochs", type=int, default=12, help="of the autoencoder")
    parser.add_argument("--weights", default="lite0.copy")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rendered", type=Path, help="views of an earlier run")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        views = options.rendered or Path(folder) / "views"
        if not options.rendered:
            views.mkdir()
            tasks = [
                Task(path, options.views, views, number)
                for number, path in enumerate(find_assets(options.store).files)
            ]
            list(map_isolated(write_views, tasks, lambda task: task.path))
        files = [*find_pictures(options.pictures).files, *find_pictures(views).files]
        run(files, Path(folder), options)


def run(files: Sequence[Path], folder: Path, options: argparse.Namespace) -> None:
    """Indexes, asks, and prints."""
    rng = np.random.default_rng(options.seed)
    # All views of an asset are held back, or none.
    names = sorted({(path.parent, path.stem.split("-")[0]) for path in files})
    out = set(names[::_HELD_BACK])
    inside = [path for path in files if (path.parent, path.stem.split("-")[0]) not in out]
    outside = [path for path in files if (path.parent, path.stem.split("-")[0]) in out]
    stand = folder / "originals"
    stand.mkdir()
    links = {}
    for number, path in enumerate(inside):
        link = stand / f"{number:06}{path.suffix}"
        link.symlink_to(path.resolve())
        links[link.resolve()] = path
    embedder = CopyEmbedder(options.weights)
    ways = manipulations(rng, outside)
    with Gallery(folder / "gallery", create=True) as gallery:
        began = time.perf_counter()
        index_stores(gallery, [stand], embedder)
        seconds = time.perf_counter() - began
        tracer = Tracer(gallery, embedder)
        peers = make_peers(inside, options.epochs)
        answers = [
            _asked(count, inside, outside, tracer, peers, ways, rng, options.queries)
            for count in (1, 3)
        ]
        rows = [row for row, _, _ in answers]
        sure, right = (np.concatenate(parts) for parts in list(zip(*answers, strict=True))[1:])
        print(f"calibration error over both: {calibration_error(sure, right):.3f}")
    title = (
        f"{len(inside)} originals, indexed in {seconds:.0f} s; {options.queries} queries of them,"
        " and as many of others"
    )
    columns = ["ours: @1 / micro-AP", "recall at P 0.9", "calibration", "median ms"]
    print_table(title, ["manipulations", *(peer.name for peer in peers), *columns], rows)
    if options.enlarged:
        began = time.perf_counter()
        enlarge(folder / "gallery", stand, embedder, options.enlarged, rng)
        print(f"enlarged in {time.perf_counter() - began:.0f} s")
        with Gallery(folder / "gallery") as gallery:
            began = time.perf_counter()
            tracer = Tracer(gallery, embedder)
            print(f"opened in {time.perf_counter() - began:.1f} s")
            row, *_ = _asked(1, inside, outside, tracer, peers[:0], ways, rng, options.queries // 4)
        print_table(f"{options.enlarged} originals", ["manipulations", *columns], [row])
        print(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.1f} GB at most")


def enlarge(
    folder: Path, stand: Path, embedder: CopyEmbedder, count: int, rng: np.random.Generator
) -> None:
    """Adds originals to a gallery until there are so many.

    Their vectors are mixtures; what is kept of their pictures is that of the real ones, each many
    times, so that looking at one costs what it costs.

    Args:
        folder: of the gallery.
        stand: the only store in it.
        embedder: that made its vectors.
        count: of originals, then.
        rng: for the mixtures.
    """
    database = sqlite3.connect(folder / "gallery.sqlite")
    store = database.execute("SELECT id FROM stores").fetchone()[0]
    files = list(database.execute("SELECT id, path FROM files"))
    real = np.stack(
        [
            np.frombuffer(row[0], np.float32)
            for row in database.execute("SELECT vector FROM vectors WHERE space = 'copy'")
        ]
    )
    first = database.execute("SELECT MAX(id) + 1 FROM files").fetchone()[0]
    batch = min(10_000, len(files))  # in which no name occurs twice
    for start in range(0, count - len(real), batch):
        size = min(batch, count - len(real) - start)
        one, other, noise = (
            real[rng.integers(0, len(real), size)], real[rng.integers(0, len(real), size)],
            rng.normal(0, 0.03, (size, real.shape[1])).astype(np.float32),
        )  # fmt: skip
        share = rng.uniform(0.3, 0.7, (size, 1)).astype(np.float32)
        rows = normalised(share * one + (1 - share) * other + noise)
        ids = range(first + start, first + start + size)
        again = f"again-{start}"
        (stand / again).symlink_to(stand, target_is_directory=True)
        like = [files[id % len(files)] for id in ids]
        database.executemany(
            "INSERT INTO files (id, store, path, size, mtime, sha256, first_seen, reader)"
            " VALUES (?, ?, ?, 1, 1, '', '2026-01-01T00:00:00+00:00', '')",
            [(id, store, f"{again}/{path}") for id, (_, path) in zip(ids, like, strict=True)],
        )
        database.executemany(
            "INSERT INTO pictures (file, view, picture, features)"
            " SELECT ?, view, picture, features FROM pictures WHERE file = ?",
            [(id, other) for id, (other, _) in zip(ids, like, strict=True)],
        )
        database.executemany(
            "INSERT INTO vectors (file, space, fingerprint, vector, views)"
            " VALUES (?, 'copy', ?, ?, ?)",
            [
                (id, embedder.fingerprint, row.tobytes(), row.astype(np.float16).tobytes())
                for id, row in zip(ids, rows, strict=True)
            ],
        )
        database.commit()
    database.close()


def _asked(
    count: int,
    inside: Sequence[Path],
    outside: Sequence[Path],
    tracer: Tracer,
    peers: Sequence[Peer],
    ways: dict[str, Callable[[Picture], Picture]],
    rng: np.random.Generator,
    queries: int,
) -> tuple[list[str], NDArray[np.float64], NDArray[np.bool_]]:
    """So many manipulations at a time: a row of the table, how sure our answers are, and right."""
    sure: list[list[float]] = []
    right: list[list[bool]] = []
    are_known: list[bool] = []
    milliseconds: list[float] = []
    by_way: dict[str, list[bool]] = {}
    for number in range(2 * queries):
        known = number % 2 == 0
        among = inside if known else outside
        source = among[int(rng.integers(len(among)))]
        picture = _opened(source)
        names = [str(name) for name in rng.choice(list(ways), count, replace=False)]
        try:
            for name in names:
                picture = ways[name](picture).convert("RGB")
        except (AssertionError, ValueError):
            continue
        began = time.perf_counter()
        evidence = tracer.gather(np.asarray(picture))
        confidences = tracer.confidences(evidence)
        milliseconds.append((time.perf_counter() - began) * 1e3)
        best = int(np.argmax(confidences))
        path = evidence[best].near.source.path.resolve()
        is_right = _same(path, source)
        if is_right and not known:  # the gallery holds the very same picture of another file
            continue
        if known:
            for name in names:
                by_way.setdefault(name, []).append(is_right)
        answers = [peer.answer(picture) for peer in peers]
        right.append([*(_same(inside[row], source) for row, _ in answers), is_right])
        sure.append([*(how for _, how in answers), float(confidences[best])])
        are_known.append(known)
    asked = sum(len(v) for v in by_way.values()) // count
    print(f"{count} at a time:", ", ".join(f"{n} {np.mean(v):.2f}" for n, v in by_way.items()))
    of, are = np.array(sure).T, np.array(right).T
    print("confidence: scale {:.2f}, shift {:.2f} would fit".format(*sharpness(of[-1], are[-1])))
    found = are[:, are_known].mean(axis=1)
    row = [
        str(count),
        *(
            f"{share:.3f} / {micro_precision(one, hits, asked):.3f}"
            for share, one, hits in zip(found, of, are, strict=True)
        ),
        f"{recall_at(of[-1], are[-1], asked, 0.9):.3f}",
        f"{calibration_error(of[-1], are[-1]):.3f}",
        f"{np.median(milliseconds):.0f}",
    ]
    return row, of[-1], are[-1]


if __name__ == "__main__":
    main()
