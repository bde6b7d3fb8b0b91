"""What a store's catalogue says: good values are kept, wrong ones named."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path

from shapesim.labels import read_labels
from shapesim.listings import Listing, read_listings


def read(store: Path) -> tuple[dict[str, Listing], list[str]]:
    """Listings that can be read."""
    listings, problems = read_listings(store)
    assert listings is not None
    return listings, problems


def test_columns_become_a_listing(tmp_path: Path) -> None:
    """Known columns by their names and aliases, unknown ones kept as they are."""
    (tmp_path / "catalog.csv").write_text(
        "ID,name,tags,license,price,url,arrived_at,artist\n"
        'a.obj,Oak chair,"chair; wood",CC0-1.0,2.5,https://x.org,2026-01-02,Ann\n',
        encoding="utf-8-sig",
    )
    listings, problems = read(tmp_path)
    assert problems == []
    assert listings == {
        "a.obj": Listing(
            name="Oak chair",
            tags=("chair", "wood"),
            licence="CC0-1.0",
            price=2.5,
            url="https://x.org",
            arrived_at="2026-01-02T23:59:59+00:00",
            more={"artist": "Ann"},
        )
    }
    assert (
        Listing.from_json(json.loads(json.dumps(listings["a.obj"].to_json()))) == listings["a.obj"]
    )


def test_spreadsheets_separate_by_semicolons_or_tabs(tmp_path: Path) -> None:
    """Catalogues and labels."""
    for sign in ",;\t":
        rows = [("path", "label", "name"), ("a.obj", "chair", "Stool"), ("b.obj", "", "Box")]
        text = "\n".join(sign.join(row) for row in rows)
        (tmp_path / "catalog.csv").write_text(text, encoding="utf-8")
        listings, problems = read(tmp_path)
        assert problems == []
        assert listings["a.obj"] == Listing(name="Stool", more={"label": "chair"})
        assert read_labels(tmp_path / "catalog.csv") == {"a.obj": "chair"}


def test_paths_and_columns_are_read_as_they_are_meant(tmp_path: Path) -> None:
    """By backslashes, behind a dot, and under heads in any case and with blanks."""
    table = tmp_path / "labels.csv"
    table.write_text("Path, LABEL \nkit\\a.obj,chair\n./b.obj,box\n", encoding="utf-8")
    assert read_labels(table) == {"kit/a.obj": "chair", "b.obj": "box"}


def test_of_several_labels_the_first_counts(tmp_path: Path) -> None:
    """In one cell, or in rows of their own."""
    table = tmp_path / "labels.csv"
    table.write_text("path,label\na.obj,chair; seat\nb.obj,\nb.obj,box\nb.obj,crate\n")
    assert read_labels(table) == {"a.obj": "chair", "b.obj": "box"}


def test_json_in_three_forms(tmp_path: Path) -> None:
    """A list, a list under ``assets``, and objects by path say the same."""
    row = {"price": 3, "tags": ["a", "b"]}
    for content in (
        [{"path": "x.glb"} | row],
        {"assets": [{"id": "./x.glb"} | row]},
        {"x.glb": row},
    ):
        (tmp_path / "catalog.json").write_text(json.dumps(content), encoding="utf-8")
        listings, problems = read(tmp_path)
        assert problems == []
        assert listings == {"x.glb": Listing(tags=("a", "b"), price=3.0)}


def test_what_is_wrong_is_named_and_the_rest_counts(tmp_path: Path) -> None:
    """Dates, prices, double and missing ids cost no more than themselves."""
    (tmp_path / "catalog.csv").write_text(
        "path,price,arrived_at,name\n"
        "a.obj,12 EUR,yesterday,First\n"
        "a.obj,1,,Second\n"
        "b.obj,-1,,\n"
        "c.obj,nan,,\n"
        ",1,,\n"
        "{d}.obj,{},,\n",
        encoding="utf-8",
    )
    listings, problems = read(tmp_path)
    assert listings["a.obj"] == Listing(name="First")
    assert listings["b.obj"] == listings["c.obj"] == listings["{d}.obj"] == Listing()
    assert len(problems) == 7
    for word in ("12 EUR", "yesterday", "listed twice", "'-1'", "'nan'", "names no path", "'{}'"):
        assert sum(word in problem for problem in problems) == 1


def test_a_damaged_catalogue_is_left_out(tmp_path: Path) -> None:
    """JSON that is cut off, or holds something else."""
    for text in ('{"a.obj": {"pri', "[1, 2]", '"text"'):
        (tmp_path / "catalog.json").write_text(text, encoding="utf-8")
        listings, problems = read_listings(tmp_path)
        assert listings is None
        assert len(problems) == 1
        assert "cannot be read" in problems[0]


def test_a_day_to_come_is_left_out(tmp_path: Path) -> None:
    """It is a slip; today is not over."""
    today = datetime.now(UTC).date()
    eastern = (datetime.now(UTC) + timedelta(hours=11)).date()  # in Sydney
    rows = [f"today.obj,{today}", f"east.obj,{eastern}", f"later.obj,{today + timedelta(days=3)}"]
    (tmp_path / "catalog.csv").write_text("\n".join(["path,arrived_at", *rows]), encoding="utf-8")
    listings, problems = read(tmp_path)
    assert [bool(one.arrived_at) for one in listings.values()] == [True, True, False]
    (problem,) = problems
    assert "later.obj: the day" in problem


def test_catalogues_and_labels_are_read_in_any_encoding(tmp_path: Path) -> None:
    """As spreadsheets save them: "Unicode text" of Excel is UTF-16, its CSV often Windows-1252."""
    table = tmp_path / "catalog.csv"
    text = "path\tname\tlabel\nä.obj\tStühle – 5 €\tchair\n"
    for encoding, end in product(("utf-8", "utf-8-sig", "utf-16", "cp1252"), ("\n", "\r\n", "\r")):
        table.write_bytes(text.replace("\n", end).encode(encoding))
        assert read_listings(tmp_path)[0] == {
            "ä.obj": Listing("Stühle – 5 €", more={"label": "chair"})
        }
        assert read_labels(table) == {"ä.obj": "chair"}


def test_paths_are_below_the_store_however_they_are_written(tmp_path: Path) -> None:
    """With slashes in front, absolute, or by detours; what leads out is named."""
    store = tmp_path / "store"
    store.mkdir()
    link = tmp_path / "link"
    link.symlink_to(store, target_is_directory=True)
    (store / "catalog.csv").write_text(
        "path,price\n"
        f"/a.obj,1\n{store}/sub/b.obj,2\n{link}/g.obj,8\nsub/../c.obj,3\n././sub//d.obj,4\n\\e.obj,5\n"
        "../f.obj,6\n./,7\n",
        encoding="utf-8",
    )
    listings, problems = read(link)
    assert {path: one.price for path, one in listings.items()} == {
        "a.obj": 1, "sub/b.obj": 2, "g.obj": 8, "c.obj": 3, "sub/d.obj": 4, "e.obj": 5
    }  # fmt: skip
    assert [("leads out" in one, "names no path" in one) for one in problems] == [
        (True, False), (False, True)
    ]  # fmt: skip


def test_prices_may_have_decimal_commas(tmp_path: Path) -> None:
    """As spreadsheets of half of Europe write them; thousands are not guessed at."""
    (tmp_path / "catalog.csv").write_text(
        "path;price\na.obj;4,99\nb.obj;0,5\nc.obj;1,000\n", encoding="utf-8"
    )
    listings, problems = read(tmp_path)
    assert [one.price for one in listings.values()] == [4.99, 0.5, None]
    assert "'1,000'" in problems[0]


def test_a_day_counts_until_it_ends(tmp_path: Path) -> None:
    """So that who asks every night for the last day is told of all of it."""
    (tmp_path / "catalog.csv").write_text(
        "path,arrived_at\na.obj,2026-03-01\nb.obj,2026-03-01T12:00:00+02:00\n", encoding="utf-8"
    )
    listings, _ = read(tmp_path)
    assert [one.arrived_at for one in listings.values()] == [
        "2026-03-01T23:59:59+00:00", "2026-03-01T10:00:00+00:00"
    ]  # fmt: skip


def test_a_quote_that_is_left_open_is_told(tmp_path: Path) -> None:
    """It makes one value of all behind it."""
    table = tmp_path / "catalog.csv"
    table.write_text('path,name,price\na.obj,"Chair,3\nb.obj,Stool,4\n', encoding="utf-8")
    (problem,) = read(tmp_path)[1]
    assert "is a quote left open?" in problem
    table.write_text('path,name,price\na.obj,"Chair,\n oak",3\nb.obj,Stool,4\n', encoding="utf-8")
    assert read_listings(tmp_path)[1] == []
