"""Picture files of all kinds."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from shapesim.errors import AssetError, UnreachableFileError
from shapesim.meshes import load_mesh
from shapesim.pictures.images import cut_out, framed, load_image, square_part
from shapesim.traits import traits_of


def picture() -> Image.Image:
    """Red left, blue right."""
    pixels = np.zeros((20, 40, 3), np.uint8)
    pixels[:, :20, 0] = pixels[:, 20:, 2] = 255
    return Image.fromarray(pixels)


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "bmp", "tiff", "gif"])
def test_formats_agree(tmp_path: Path, suffix: str) -> None:
    """The same picture in every format."""
    path = tmp_path / f"a.{suffix}"
    picture().save(path)
    seen = load_image(path)
    assert seen.shape == (20, 40, 4)
    assert np.abs(seen[10, 5].astype(int) - [255, 0, 0, 255]).max() < 6
    assert np.abs(seen[10, 35].astype(int) - [0, 0, 255, 255]).max() < 6


def test_exif_turns_the_picture(tmp_path: Path) -> None:
    """A photo that was taken with the camera on its side stands upright."""
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn clockwise
    picture().save(tmp_path / "a.jpg", exif=exif)
    seen = load_image(tmp_path / "a.jpg")
    assert seen.shape == (40, 20, 4)
    assert seen[2, 10, 0] > 200
    assert seen[38, 10, 2] > 200


@pytest.mark.parametrize("mode", ["CMYK", "L", "1", "P", "LA", "I;16"])
def test_modes(tmp_path: Path, mode: str) -> None:
    """CMYK, grey, palettes and 16 bit come out as bright and dark as they are."""
    grey = Image.fromarray(np.tile(np.array([30, 220], np.uint8).repeat(16), (32, 1)))
    if mode == "I;16":
        given = Image.fromarray(np.asarray(grey, np.uint16) * 257)
    else:
        given = grey.quantize(4) if mode == "P" else grey.convert("RGB").convert(mode)
    path = tmp_path / ("a.tiff" if mode == "CMYK" else "a.png")
    given.save(path)
    seen = load_image(path)[16, :, 0]
    if mode == "1":  # dithered: a share of white pixels as large as the brightness
        shares = load_image(path)[..., 0].reshape(32, 2, 16).mean(axis=(0, 2))
        assert abs(shares - [30, 220]).max() < 30
    else:
        assert abs(int(seen[4]) - 30) < 12
        assert abs(int(seen[28]) - 220) < 12


@pytest.mark.parametrize(
    "mode", ["CMYK", "L", "1", "P", "PA", "LA", "La", "I;16", "I", "F", "RGBa"]
)
def test_a_large_picture_of_any_mode_is_reduced(mode: str) -> None:
    """Left black, right white, whatever Pillow can reduce by itself."""
    steps = np.zeros((40, 401), np.uint8)
    steps[:, 200:] = 255
    grey = Image.fromarray(steps)
    if mode in ("I;16", "I", "F"):
        given = Image.fromarray(steps.astype({"I;16": "u2", "I": "i4", "F": "f4"}[mode]))
    elif mode in ("La", "RGBa"):
        given = grey.convert({"La": "LA", "RGBa": "RGBA"}[mode]).convert(mode)
    else:
        given = grey.convert("RGB").convert(mode)
    assert given.mode == mode
    seen = load_image(given, 100)
    assert seen.shape == (10, 100, 4)
    assert seen[:, :45, :3].max() < 10
    assert seen[:, 55:, :3].min() > 245


def test_a_picture_that_is_held_stays_as_it_is(tmp_path: Path) -> None:
    """A JPEG is decoded at a fraction of its size only where nobody else has it."""
    Image.new("RGB", (512, 512), "red").save(tmp_path / "a.jpg")
    with Image.open(tmp_path / "a.jpg") as held:
        assert load_image(held, 64).shape == (64, 64, 4)
        assert held.size == (512, 512)


def test_an_animation_gives_its_first_frame(tmp_path: Path) -> None:
    """A GIF of red, then blue, is red."""
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert load_image(tmp_path / "a.gif")[4, 4].tolist() == [255, 0, 0, 255]


def test_a_large_picture_is_reduced(tmp_path: Path) -> None:
    """30,000 pixels wide are reduced to what is asked for."""
    Image.new("RGB", (30_000, 40), "green").save(tmp_path / "a.png")
    assert load_image(tmp_path / "a.png", 512).shape == (1, 512, 4)


def test_one_pixel(tmp_path: Path) -> None:
    """1 × 1 is a picture too."""
    Image.new("RGB", (1, 1), "red").save(tmp_path / "a.png")
    assert framed(load_image(tmp_path / "a.png"), 8).tolist() == [[[255, 0, 0]] * 8] * 8


def test_a_bomb_is_refused_before_it_unpacks(tmp_path: Path) -> None:
    """A few bytes that claim 30,000 × 30,000 pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0))
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", b""))
    with pytest.raises(AssetError, match="pixels; reduce it"):
        load_image(tmp_path / "a.png")


def test_damaged_files_have_a_reason(tmp_path: Path) -> None:
    """Cut off, of another kind than the name says, empty, or not there."""
    picture().resize((200, 200)).save(tmp_path / "whole.png")
    whole = (tmp_path / "whole.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.jpg").write_text("no picture")
    (tmp_path / "empty.png").write_bytes(b"")
    for name, reason in (("cut", "cut off"), ("text", "no picture"), ("empty", "no picture")):
        path = next(tmp_path.glob(f"{name}.*"))
        with pytest.raises(AssetError, match=reason):
            load_image(path)
    with pytest.raises(UnreachableFileError):
        load_image(tmp_path / "missing.png")
    picture().save(tmp_path / "really.jpg", "PNG")  # the content tells, not the name
    assert load_image(tmp_path / "really.jpg").shape == (20, 40, 4)


def test_a_kind_that_pillow_cannot_read_has_a_reason(tmp_path: Path) -> None:
    """DDS holds many: here four half floats a pixel."""
    sizes = struct.pack("<7I44x", 124, 0x1007, 8, 8, 64, 0, 1)
    pixels = struct.pack("<2I4s5I", 32, 4, b"DX10", *[0] * 5) + struct.pack("<5I", 0x1000, *[0] * 4)
    rows = struct.pack("<5I", 10, 3, 0, 1, 0) + bytes(8 * 8 * 8)
    (tmp_path / "sky.dds").write_bytes(b"DDS " + sizes + pixels + rows)
    with pytest.raises(AssetError, match="save it as PNG"):
        load_image(tmp_path / "sky.dds")
    (tmp_path / "a.mtl").write_text("newmtl m\nmap_Kd sky.dds\n", encoding="utf-8")
    text = "mtllib a.mtl\nusemtl m\nv 0 0 0\nv 1 0 0\nv 0 1 0\nvt 0 0\nf 1/1 2/1 3/1\n"
    (tmp_path / "a.obj").write_text(text, encoding="utf-8")
    traits = traits_of(load_mesh(tmp_path / "a.obj"), tmp_path / "a.obj")
    assert (traits.triangles, traits.texture_pixels) == (1, 0)


def test_transparent_sides_are_cut_off() -> None:
    """What is left stands on white."""
    pixels = np.zeros((50, 50, 4), np.uint8)
    pixels[20:30, 20:30] = [255, 0, 0, 255]
    assert framed(pixels, 10).tolist() == [[[255, 0, 0]] * 10] * 10


def test_the_foreground_is_cut_out() -> None:
    """The square around the thing fills the picture."""
    pixels = np.zeros((56, 56, 3), np.uint8)
    pixels[28:42, 28:42] = 255
    plane = np.zeros((14, 14), np.float32)
    plane[7:10, 7:10] = 1
    seen = cut_out(pixels, plane)
    assert seen.shape == (56, 56, 3)
    assert (seen > 200).all(axis=2).mean() > 0.9
    assert (cut_out(pixels, plane * 0) == pixels).all()


def test_a_square_goes_on_beyond_the_picture_and_stays_small() -> None:
    """What is inside is the picture, what is not its edge; a panorama's has few of its pixels."""
    picture = np.random.default_rng(0).integers(0, 256, (90, 140, 3), dtype=np.uint8)
    square, inside = square_part(picture, -20, -5, 200)
    np.testing.assert_array_equal(square[inside], picture.reshape(-1, 3))
    assert (square[5:95, :20] == picture[:, :1]).all()
    assert (square[95:, 20:160] == picture[-1]).all()
    wide = np.broadcast_to(picture[:1, :1], (5000, 30000, 3))
    square, inside = square_part(wide, -7500, -20000, 45000)
    assert len(square) < 5000
    assert inside.mean() == pytest.approx(5000 * 30000 / 45000**2, rel=0.01)


def test_numbers_from_0_to_1_are_shares(tmp_path: Path) -> None:
    """As TIFF has them from programs that calculate with light; others are levels."""
    steps = np.linspace(0, 1, 64, dtype=np.float32).reshape(8, 8)
    for scale in (1.0, 255.0):
        Image.fromarray(steps * np.float32(scale)).save(tmp_path / "a.tiff")
        np.testing.assert_allclose(load_image(tmp_path / "a.tiff")[..., 0], steps * 255, atol=1)
