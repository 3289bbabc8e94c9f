# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import gzip
import tracemalloc
import zlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from scipy.spatial.transform import Rotation

from ctan_monai.imaging import read_metaimage_header
from ctan_monai.imaging.metaimage import image_affine, metaimage_voxel_files, read_metaimage, read_metaimage_array
from ctan_monai.utils.errors import InputError
from ctan_monai.utils.limits import MOST_BYTES, MOST_VOXELS, check_volume_size

VOXELS = np.random.default_rng(0).integers(-1000, 1000, (6, 5, 4)).astype("<i2")  # (z, y, x)
HEADER = {
    "ObjectType": "Image",
    "NDims": "3",
    "BinaryData": "True",
    "BinaryDataByteOrderMSB": "False",
    "CompressedData": "False",
    "TransformMatrix": "1 0 0 0 1 0 0 0 1",
    "Offset": "-10 20.5 3e1",
    "CenterOfRotation": "0 0 0",
    "ElementSpacing": "1.5 2 3",
    "DimSize": "4 5 6",
    "ElementType": "MET_SHORT",
    "ElementDataFile": "LOCAL",
}


def write(path: Path, content: bytes | None = None, without: str = "", **keys: str) -> Path:
    """A MetaImage with the voxels of VOXELS, or other content, and a changed header."""
    fields = {key: value for key, value in {**HEADER, **keys}.items() if key != without}
    fields["ElementDataFile"] = fields.pop("ElementDataFile")  # ends the header
    text = "".join(f"{key} = {value}\n" for key, value in fields.items())
    path.write_bytes(text.encode() + (VOXELS.tobytes() if content is None else content))
    return path


def compressed(path: Path, stream: bytes, **keys: str) -> Path:
    return write(path, stream, CompressedData="True", **{"CompressedDataSize": str(len(stream)), **keys})


TYPES = (np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64, np.uint64, np.float32, np.float64)


@pytest.mark.parametrize("dtype", TYPES, ids=lambda t: t.__name__)
def test_equals_simpleitk_on_what_it_wrote(dtype: type, tmp_path: Path) -> None:
    """Voxels and geometry to the last bit, in any orientation, in one file or two, in both byte orders."""
    rng = np.random.default_rng(TYPES.index(dtype))
    for name in ("a.mha", "b.mhd"):
        for kind in ("raw", "zlib", "big-endian"):
            array = (rng.normal(size=rng.integers(2, 9, 3)) * 1000).astype(np.int64).astype(dtype)
            image = sitk.GetImageFromArray(array)
            axes = Rotation.from_rotvec(rng.normal(size=3) * 0.03).as_matrix()[:, rng.permutation(3)]
            image.SetDirection((axes * rng.choice([-1, 1], 3)).ravel().tolist())
            image.SetSpacing(rng.uniform(0.3, 5, 3).tolist())
            image.SetOrigin(rng.uniform(-500, 500, 3).tolist())
            image.SetMetaData("PatientAge", "055Y")
            sitk.WriteImage(image, str(tmp_path / name), useCompression=kind == "zlib")
            if kind == "big-endian":
                voxels = tmp_path / ("a.mha" if name == "a.mha" else "b.raw")
                header = (tmp_path / name).read_bytes().removesuffix(array.tobytes())
                (tmp_path / name).write_bytes(header.replace(b"OrderMSB = False", b"OrderMSB = True"))
                with voxels.open("ab" if name == "a.mha" else "wb") as stream:
                    stream.write(array.astype(array.dtype.newbyteorder(">")).tobytes())
            expected, found = sitk.ReadImage(str(tmp_path / name)), read_metaimage(tmp_path / name)
            assert found.GetPixelID() == expected.GetPixelID()
            assert sitk.GetArrayFromImage(found).tobytes() == sitk.GetArrayFromImage(expected).tobytes()
            assert sitk.GetArrayFromImage(found).tobytes() == array.tobytes()
            assert found.GetSize() == expected.GetSize()
            assert found.GetSpacing() == expected.GetSpacing()
            assert found.GetOrigin() == expected.GetOrigin()
            assert found.GetDirection() == expected.GetDirection()
            assert {key: found.GetMetaData(key) for key in found.GetMetaDataKeys()} == {"PatientAge": "055Y"}
            plain, affine = read_metaimage_array(tmp_path / name)
            np.testing.assert_array_equal(plain, array.transpose(2, 1, 0))
            np.testing.assert_array_equal(affine, image_affine(expected))


@pytest.mark.parametrize(
    "keys",
    [
        {"without": "TransformMatrix", "Rotation": "0 1 0 0 0 1 1 0 0"},
        {"without": "TransformMatrix", "Orientation": "0 1 0 0 0 -1 1 0 0"},
        {"without": "Offset", "Position": "1 2 3"},
        {"without": "Offset", "Origin": "1 2 3"},
        {"CenterOfRotation": "5 6 7", "AnatomicalOrientation": "RAS", "ElementSize": "9 9 9"},
        {"without": "ElementSpacing", "ElementSize": "1 2 3"},
        {"without": "BinaryDataByteOrderMSB", "ElementByteOrderMSB": "T"},
        {"HeaderSize": "-1"},
        {"ElementDataFile": "local"},
        {"ElementNumberOfChannels": "1", "Modality": "MET_MOD_CT", "Comment": "a = b : c"},
    ],
    ids=lambda keys: " ".join(key for key in keys if key != "without"),
)
def test_equals_simpleitk_on_headers_of_other_programs(keys: dict[str, str], tmp_path: Path) -> None:
    file = write(tmp_path / "x.mha", **keys)
    expected, found = sitk.ReadImage(str(file)), read_metaimage(file)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(found), sitk.GetArrayFromImage(expected))
    for geometry in ("GetSpacing", "GetOrigin", "GetDirection"):
        assert getattr(found, geometry)() == getattr(expected, geometry)(), geometry


def test_carriage_returns_and_colons_in_the_header(tmp_path: Path) -> None:
    file = write(tmp_path / "x.mha")
    text = file.read_bytes().removesuffix(VOXELS.tobytes())
    for header in (text.replace(b"\n", b"\r\n"), text.replace(b" = ", b": "), text.replace(b" = ", b"=")):
        file.write_bytes(header + VOXELS.tobytes())
        np.testing.assert_array_equal(
            read_metaimage_array(file)[0].T, sitk.GetArrayFromImage(sitk.ReadImage(str(file)))
        )


@pytest.mark.parametrize("name", ["x.mha", "x.mhd"])
def test_a_flipped_bit_in_compressed_voxels_is_refused(name: str, tmp_path: Path) -> None:
    """SimpleITK gives unread memory for each of these."""
    image = sitk.GetImageFromArray(VOXELS.astype(np.int16))
    sitk.WriteImage(image, str(tmp_path / name), useCompression=True)
    voxels = tmp_path / ("x.mha" if name == "x.mha" else "x.zraw")
    whole = voxels.read_bytes()
    start = whole.index(b"LOCAL\n") + 6 if name == "x.mha" else 0
    rng, outcomes = np.random.default_rng(0), Counter()
    for _ in range(300):
        damaged = bytearray(whole)
        damaged[rng.integers(start, len(whole))] ^= 1 << rng.integers(8)
        voxels.write_bytes(damaged)
        try:
            array, _ = read_metaimage_array(tmp_path / name)
        except InputError as error:
            assert str(error).startswith(f"{tmp_path / name}: ")
            outcomes["refused"] += 1
        else:  # a bit of the stream's header that decompression does not need
            np.testing.assert_array_equal(array.T, VOXELS)
            outcomes["right"] += 1
    assert outcomes["refused"] >= 290 and outcomes.total() == 300


def test_a_flipped_bit_anywhere_changes_no_voxel(tmp_path: Path) -> None:
    """A digit of the geometry may change unseen; a voxel, its type or their order may not."""
    sitk.WriteImage(sitk.GetImageFromArray(VOXELS.astype(np.int16)), str(tmp_path / "x.mha"), useCompression=True)
    whole = (tmp_path / "x.mha").read_bytes()
    accepted = 0
    for bit in range(0, 8 * whole.index(b"LOCAL\n") + 48, 5):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        (tmp_path / "x.mha").write_bytes(damaged)
        try:
            array, affine = read_metaimage_array(tmp_path / "x.mha")
        except InputError:
            continue
        accepted += 1
        assert np.isfinite(affine).all()
        np.testing.assert_array_equal(array.T, VOXELS)
    assert accepted  # in the values of keys that are not read


def test_cuts_are_refused_with_and_without_the_stated_length(tmp_path: Path) -> None:
    stream = zlib.compress(VOXELS.tobytes())
    for keys in ({}, {"without": "CompressedDataSize"}):
        whole = compressed(tmp_path / "x.mha", stream, **keys).read_bytes()
        np.testing.assert_array_equal(read_metaimage_array(tmp_path / "x.mha")[0].T, VOXELS)
        for length in range(0, len(whole), 3):
            (tmp_path / "x.mha").write_bytes(whole[:length])
            with pytest.raises(InputError, match=rf"x\.mha: cannot be read .*\({length} bytes\)"):
                read_metaimage_array(tmp_path / "x.mha")


@pytest.mark.parametrize(
    "content, expected",
    [
        (VOXELS.tobytes()[:-1], "have 239 bytes"),
        (VOXELS.tobytes() + b"\n", "have 241 bytes"),
        (b"", "have 0 bytes"),
    ],
)
def test_uncompressed_voxels_of_another_length(content: bytes, expected: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=rf"{expected}.*expected 240 bytes"):
        read_metaimage_array(write(tmp_path / "x.mha", content))
    write(tmp_path / "x.mhd", b"", ElementDataFile="x.raw")
    (tmp_path / "x.raw").write_bytes(content)
    with pytest.raises(InputError, match=rf"x\.mhd.*{expected}.*expected 240 bytes"):
        read_metaimage_array(tmp_path / "x.mhd")


@pytest.mark.parametrize(
    "stream, found",
    [
        (zlib.compress(VOXELS.tobytes()[:-2]), "have 238 bytes"),
        (zlib.compress(VOXELS.tobytes() + b"\0"), "have over 240 bytes"),
        (zlib.compress(b""), "have 0 bytes"),
        (zlib.compress(VOXELS.tobytes()) + b"\n", "followed by other bytes"),
        (zlib.compress(VOXELS.tobytes())[:-4] + b"adlr", "incorrect data check"),
        (VOXELS.tobytes(), "damaged"),
    ],
    ids=["short", "long", "empty", "trailing", "checksum", "no stream"],
)
def test_a_stream_that_is_not_the_voxels(stream: bytes, found: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=found):
        read_metaimage_array(compressed(tmp_path / "x.mha", stream))


def test_a_gzip_stream(tmp_path: Path) -> None:
    array, _ = read_metaimage_array(compressed(tmp_path / "x.mha", gzip.compress(VOXELS.tobytes())))
    np.testing.assert_array_equal(array.T, VOXELS)


def test_a_bomb_stops_at_the_expected_length(tmp_path: Path) -> None:
    """200 MB in a stream of 200 KB."""
    deflater = zlib.compressobj(9)
    stream = b"".join(deflater.compress(bytes(1 << 20)) for _ in range(200)) + deflater.flush()
    file = compressed(tmp_path / "x.mha", stream)
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match="have over 240 bytes"):
            read_metaimage_array(file)
        assert tracemalloc.get_traced_memory()[1] < 4e6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "keys",
    [
        *({"NDims": n} for n in ("1e5", "100000", "0", "-3", "2", "4", "x", "", "3 4", "3.0")),
        *(
            {"DimSize": n}
            for n in ("4 5", "4 5 6 7", "4 5 -6", "4 5 0", "-4 -5 6", "4 5 six", "4 5 6.0", "4 5 1_0", "")
        ),
        *(
            {"DimSize": n}
            for n in ("65535 65535 65535", "4 5 99999999999999999999", "4294967297 5 6", f"4 5 {2**63 + 6}")
        ),
        *({"DimSize": n} for n in ("1 5 24", "120 1 1")),
        *({"ElementType": n} for n in ("MET_NONE", "MET_SHORT_ARRAY", "MET_STRING", "short", "", "MET_OTHER")),
        *({"ElementNumberOfChannels": n} for n in ("0", "3", "-1", "x", "99999")),
        *({"ElementSpacing": n} for n in ("1 2", "1 2 0", "1 -2 3", "nan 1 1", "inf 1 1", "1e999 1 1", "1,5 1 1")),
        *({"Offset": n} for n in ("0 0", "nan 0 0", "0 0 1e400", "0 0 0 0")),
        *(
            {"TransformMatrix": n}
            for n in ("1 0 0 0 1 0 0 0", "2 0 0 0 1 0 0 0 1", "1 0 0 1 0 0 0 0 1", "nan 0 0 0 1 0 0 0 1")
        ),
        {"TransformMatrix": "1 0 0 0 1 0 0 0 0"},
        {"TransformMatrix": "1 0 0 0 0.7071 0.7071 0 -0.7071 0.7071"},
        *(
            {"without": key}
            for key in ("NDims", "DimSize", "ElementType", "ElementSpacing", "Offset", "TransformMatrix")
        ),
        {"without": "BinaryDataByteOrderMSB"},
        {"BinaryDataByteOrderMSB": "maybe"},
        {"ElementByteOrderMSB": "True"},  # beside BinaryDataByteOrderMSB
        {"BinaryData": "False"},
        {"CompressedData": "2"},
        {"Position": "1 2 3"},
        {"Rotation": "1 0 0 0 1 0 0 0 1"},
        {"ObjectType": "Tube"},
        {"DistanceUnits": "cm"},
        {"ElementToIntensityFunctionSlope": "2"},
        {"ElementToIntensityFunctionOffset": "-1024"},
        *({"HeaderSize": n} for n in ("-2", "1", "999999999999", "x", "1e3")),
    ],
    ids=lambda keys: " ".join(f"{key}={value}" for key, value in keys.items()),
)
def test_a_malformed_header_is_refused(keys: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"x\.mha: .{10,}"):
        read_metaimage(write(tmp_path / "x.mha", **keys))


def test_a_key_twice_and_text_that_is_no_header(tmp_path: Path) -> None:
    file = write(tmp_path / "x.mha")
    whole = file.read_bytes()
    for content, found in (
        (b"DimSize = 4 5 6\n" + whole, "has 'DimSize' twice"),
        (b"PatientAge = 1\nPatientAge = 2\n" + whole, "has 'PatientAge' twice"),
        (b"hello\n" + whole, "the line 'hello'"),
        (b"= 3\n" + whole, "the line '= 3'"),
        (b"Comment = " + bytes(1 << 17) + b"\n" + whole, "longer than"),
        (b"\x89PNG\r\n\x1a\n\0\0", "the line"),
        (bytes(1 << 20), "longer than"),
        (b"", r"\(0 bytes\)"),
    ):
        file.write_bytes(content)
        with pytest.raises(InputError, match=found):
            read_metaimage(file)
    with pytest.raises(InputError, match="no such file"):
        read_metaimage(tmp_path / "none.mha")


@pytest.mark.parametrize(
    "name",
    [
        "../other.raw",
        "/etc/hostname",
        "sub/x.raw",
        "sub\\x.raw",
        "C:x.raw",
        "..",
        ".",
        "LIST",
        "LIST 2",
        "x%03d.raw 1 3 1",
        "",
        "\0",
    ],
)
def test_a_header_names_no_file_elsewhere(name: str, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    for file in (tmp_path / "other.raw", tmp_path / "sub" / "x.raw", tmp_path / "x001.raw"):
        file.write_bytes(VOXELS.tobytes())
    folder = tmp_path / "in"
    folder.mkdir()
    for read in (read_metaimage, metaimage_voxel_files):
        with pytest.raises(InputError, match=r"ElementDataFile is '.*expected LOCAL or the name of one file"):
            read(write(folder / "x.mhd", b"", ElementDataFile=name))


def test_the_file_with_the_voxels(tmp_path: Path) -> None:
    for name in ("x.mhd", "x.mha"):
        file = write(tmp_path / name, b"", ElementDataFile="my voxels.raw", HeaderSize="7")
        (tmp_path / "my voxels.raw").unlink(missing_ok=True)
        assert metaimage_voxel_files(file) == []
        with pytest.raises(InputError, match="there is no my voxels"):
            read_metaimage(file)
        (tmp_path / "my voxels.raw").write_bytes(bytes(7) + VOXELS.tobytes())
        assert metaimage_voxel_files(file) == [tmp_path / "my voxels.raw"]
        np.testing.assert_array_equal(read_metaimage_array(file)[0].T, VOXELS)
    assert metaimage_voxel_files(write(tmp_path / "y.mha")) == []
    assert metaimage_voxel_files(tmp_path / "ct.nii") == []


def test_the_limit_of_voxels_and_bytes(tmp_path: Path) -> None:
    check_volume_size((512, 512, 1500), 4, "ct")
    for shape, itemsize in (((512, 512, 1501), 2), ((512, 512, 1200), 8)):
        with pytest.raises(InputError, match=rf"ct: .*{MOST_VOXELS:,} voxels and {MOST_BYTES:,} bytes"):
            check_volume_size(shape, itemsize, "ct")
    with pytest.raises(InputError, match="512 x 512 x 1501"):
        read_metaimage_header(write(tmp_path / "x.mha", DimSize="512 512 1501"))
